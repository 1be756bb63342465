"""What a record holds and what a model expects. Standard library only."""

import dataclasses

from yt8m_distill.errors import InputError

MIN_QUANTIZED = -2.0
MAX_QUANTIZED = 2.0
SEGMENT_SIZE = 5  # frames (= seconds) of one rated segment, YouTube-8M 2019

# Code of a modality that ends before the video does: its value (0.0157) lies nearest to zero.
MISSING_BYTE = 128

LEVELS = ("frame", "video", "segment")
SAMPLERS = ("uniform", "every", "random", "first", "middle", "last", "first_middle_last")  # data/sampling.py


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """Names and sizes of the features, number of classes, level and frame limit.

    Attributes:
      names: feature keys in the records, in the order in which models concatenate them.
      sizes: values of each feature, per frame (frame and segment level) or per video.
      num_classes: classes are 0 .. num_classes - 1.
      level: "frame" (SequenceExample, uint8 frames), "video" (Example, float means) or "segment"
        (SequenceExample whose rated 5-second segments are the examples).
      max_frames: longer videos are cut to their first `max_frames` frames (1 frame = 1 second).
      sampled_frames: of these, so many are read; 0 for all.
      frame_sampler: which ones, one of `SAMPLERS` (`data/sampling.py`).

    Raises:
      InputError: names and sizes do not pair up, a number is not positive, frames are to be sampled at another level
        than frame level, or a sampler is given that is unknown or has nothing to sample.
    """

    names: tuple[str, ...] = ("rgb", "audio")
    sizes: tuple[int, ...] = (1024, 128)
    num_classes: int = 3862
    level: str = "frame"
    max_frames: int = 300
    sampled_frames: int = 0
    frame_sampler: str = "uniform"

    def __post_init__(self):
        if not self.names or len(self.names) != len(self.sizes):
            raise InputError(
                f"--feature_names={','.join(self.names)} names {len(self.names)} features and "
                f"--feature_sizes={','.join(map(str, self.sizes))} gives {len(self.sizes)} sizes: give one size a name."
            )
        if len(set(self.names)) != len(self.names):
            raise InputError(f"--feature_names={','.join(self.names)} names a feature twice.")
        if min(*self.sizes, self.num_classes, self.max_frames) < 1:
            raise InputError(
                f"--feature_sizes={','.join(map(str, self.sizes))}, --num_classes={self.num_classes} and "
                f"--max_frames={self.max_frames} must all be positive."
            )
        if self.level not in LEVELS:
            raise InputError(f"level is {self.level!r}: expected one of {', '.join(LEVELS)}.")
        if self.sampled_frames < 0 or (self.sampled_frames and self.level != "frame"):
            raise InputError(
                f"--sampled_frames={self.sampled_frames} at {self.level} level: expected a number of frames at frame "
                "level, or 0 for all."
            )
        if self.frame_sampler not in SAMPLERS:
            raise InputError(f"--frame_sampler={self.frame_sampler}: expected one of {', '.join(SAMPLERS)}.")
        if self.frame_sampler != "uniform" and not self.sampled_frames:
            raise InputError(
                f"--frame_sampler={self.frame_sampler} with --sampled_frames=0: say how many frames to sample."
            )

    @property
    def has_frames(self):
        """True where an example is a sequence of uint8 frames (frame and segment level)."""
        return self.level != "video"

    @property
    def frame_limit(self):
        """Most frames one example can have: `max_frames`, `sampled_frames` if they are fewer, or 5 at segment level."""
        if self.level == "segment":
            return SEGMENT_SIZE
        return min(self.max_frames, self.sampled_frames or self.max_frames)

    @property
    def sampling(self):
        """What decides which frames of a video are read: two specs that agree in this read the same ones."""
        return self.max_frames, self.sampled_frames, self.frame_sampler

    @property
    def size(self):
        """Values of all features together, 1152 for rgb and audio."""
        return sum(self.sizes)

    @property
    def size_by_name(self):
        """{name: size}, in order."""
        return dict(zip(self.names, self.sizes, strict=True))

    @classmethod
    def from_dict(cls, values):
        """The FeatureSpec of which `dataclasses.asdict` made `values`, on its way through JSON or not."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def union(specs):
    """The smallest FeatureSpec from whose batches each of `specs` can be viewed (`data/batches.py`, `view`).

    It holds the features of all, in the order in which they come, and the frames of the longest. It samples frames as
    they do where all sample the same ones, else it reads all.

    Args:
      specs: FeatureSpecs, at least one.

    Raises:
      InputError: they differ in their level, in num_classes or in the size of a feature.
    """
    start, sizes = specs[0], {}
    for spec in specs:
        for name in ("level", "num_classes"):
            _require_equal(name, getattr(start, name), getattr(spec, name))
        for name, size in spec.size_by_name.items():
            _require_equal(f"the size of {name}", sizes.setdefault(name, size), size)
    same = all(spec.sampling == start.sampling for spec in specs)
    return dataclasses.replace(
        start,
        names=tuple(sizes),
        sizes=tuple(sizes.values()),
        max_frames=max(spec.max_frames for spec in specs),
        sampled_frames=start.sampled_frames if same else 0,
        frame_sampler=start.frame_sampler if same else "uniform",
    )


def _require_equal(what, one, other):
    if one != other:
        raise InputError(f"models that read the same batches differ in {what}: {one} and {other}. They must agree.")
