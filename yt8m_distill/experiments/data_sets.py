"""The data of the experiments: which records, how they are read, and models and training that suit two cores.

Every set says what it is in its title, which stands above every table: real frames, frames made around real means
("expanded"), or all made ("synthetic"). Made records are written to OUTPUT/records by the commands of tfrecords_tools.
"""

import dataclasses
import os

from yt8m_distill.errors import InputError
from yt8m_distill.experiments.model_sizes import FRAME_MODELS, VIDEO_MODELS
from yt8m_distill.experiments.record_folders import (
    evaluation_folder,
    find_split_shards,
    is_frame_level,
    make_records,
)
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Records, and how experiments use them.

    Attributes:
      name: one of `table_names.DATA`.
      title: what the records are, in words.
      train, evaluation: paths of shards.
      features: FeatureSpec of all frames.
      frames: k of the students, ascending; the last one stands for the paper's k=30.
      more_frames: further k at which cost and quality are measured.
      blocks: blocks of frames into which the hierarchical model cuts a whole video.
      models: {name: (registered model, its numbers)}.
      initial_probability: what every class predicts before training.
      training: TrainingParams, seed 0.
      size_budget_mb: MiB that the export of an ensemble may have; None for members that together have a tenth of what
        all candidates have in float32.
    """

    name: str
    title: str
    train: tuple[str, ...]
    evaluation: tuple[str, ...]
    features: FeatureSpec
    training: TrainingParams
    frames: tuple[int, ...] = ()
    more_frames: tuple[int, ...] = ()
    blocks: int = 1
    models: dict = dataclasses.field(default_factory=dict)
    initial_probability: float = 0.005
    size_budget_mb: float | None = None

    def model(self, name, frames=0):
        """The ModelConfig of the model `name` of this set, for `frames` frames of a video; 0 for all."""
        registered, numbers = self.models[name]
        numbers = numbers | {"initial_probability": self.initial_probability}
        if registered.startswith("HRNN"):
            count = frames or self.features.max_frames
            most = min(self.blocks, count if not frames else 5)
            blocks = max(n for n in range(1, most + 1) if count % n == 0)
            numbers = numbers | {"max_num_frames": count, "num_inputs_to_lstm": blocks}
        return registry.model_config(registered, **numbers)

    def with_frames(self, frames):
        """The same with other k; none leaves them.

        Raises:
          InputError: a k that is not below the frames of a video.
        """
        if not frames:
            return self
        if self.features.level == "video":
            raise InputError(f"--frames={','.join(map(str, frames))} is for frame-level records: leave it out.")
        if not 1 <= min(frames) <= max(frames) < self.features.max_frames:
            limit = self.features.max_frames - 1
            raise InputError(f"--frames={','.join(map(str, frames))}: expected numbers from 1 to {limit}.")
        return dataclasses.replace(self, frames=tuple(sorted(frames)), more_frames=())

    def sampled(self, frames, sampler="uniform"):
        """FeatureSpec of `frames` frames of a video."""
        return dataclasses.replace(self.features, sampled_frames=frames, frame_sampler=sampler)


_RECIPE = {
    "batch_size": 256,
    "num_epochs": 5,
    "optimizer": "AdamW",
    "base_learning_rate": 0.005,
    "weight_decay": 0.3,
    "learning_rate_schedule": "cosine",
    "shuffle_buffer_size": 32768,
    "log_steps": 50,
    "max_checkpoints_to_keep": 1,
}


def open_data_set(name, data_dir, output_dir, level="frame", quick=False):
    """The DataSet `name`.

    Args:
      name: one of `table_names.DATA`.
      data_dir: folder with train/*.tfrecord and eval/*.tfrecord or validate/*.tfrecord; of "expanded" the folder of the
        video-level records that frames are made around, or of what tfrecords_tools.expand made; not for "synthetic".
      output_dir: made records go to its folder "records".
      level: "frame" or "video", of synthetic records.
      quick: models, records and trainings of seconds: to try whether everything runs.

    Raises:
      InputError: the folder does not hold such records.
    """
    made = os.path.join(output_dir, "records", f"{name}{'-quick' if quick else ''}")
    if name == "synthetic":
        data_set = _synthetic(made, level, quick)
    elif not data_dir:
        raise InputError(f"--data_dir is missing: the folder of the {name} records, with train/ and eval/.")
    else:
        data_set = {"audioset": _audioset, "expanded": _expanded, "video_level": _video_level}[name](
            data_dir, made, quick
        )
    return _quick(data_set) if quick else data_set


def _audioset(data_dir, made, quick):
    del made, quick
    return DataSet(
        name="audioset",
        title="AudioSet, real frames (10 a clip)",
        **find_split_shards(data_dir),
        features=FeatureSpec(("audio_embedding",), (128,), 527, "frame", 10),
        training=TrainingParams(**_RECIPE),
        frames=(1, 2, 3, 5),
        more_frames=(7,),
        blocks=5,
        models=FRAME_MODELS,
    )


def _expanded(data_dir, made, quick):
    few = ("--num_videos=256",) if quick else ()
    if os.path.isdir(data_dir) and not is_frame_level(data_dir):
        for split, folder in (("train", "train"), ("eval", evaluation_folder(data_dir))):
            source = os.path.join(data_dir, folder, "*.tfrecord")
            make_records(
                "expand", os.path.join(made, split), f"--input_data_pattern={source}", "--length_scale=0.1", *few
            )
        data_dir = made
    return DataSet(
        name="expanded",
        title="expanded: YouTube-8M's real labels and means, made frames (12 to 30 a video)",
        **find_split_shards(data_dir),
        features=FeatureSpec(max_frames=30),
        training=TrainingParams(**_RECIPE | {"base_learning_rate": 0.004}),
        frames=(1, 2, 3),
        more_frames=(6, 15),
        blocks=10,
        models=FRAME_MODELS,
        initial_probability=0.001,
    )


def _video_level(data_dir, made, quick):
    del made, quick
    return DataSet(
        name="video_level",
        title="YouTube-8M, real video-level records",
        **find_split_shards(data_dir),
        features=FeatureSpec(("mean_rgb", "mean_audio"), (1024, 128), 3862, "video"),
        training=TrainingParams(
            **_RECIPE | {"num_epochs": 10, "base_learning_rate": 0.002, "weight_decay": 1.0, "clip_gradient_norm": 0.0}
        ),
        models=VIDEO_MODELS,
        initial_probability=0.001,
    )


def _synthetic(made, level, quick):
    sizes = "32,8" if quick else "128,32"
    classes = 20 if quick else 100
    for split, videos, seed in (("train", 128 if quick else 8000, 0), ("eval", 64 if quick else 2000, 1)):
        make_records(
            "synthesize",
            os.path.join(made, level, split),
            f"--level={level}",
            f"--split={split}",
            f"--seed={seed}",
            f"--num_videos={videos}",
            f"--num_classes={classes}",
            f"--feature_sizes={sizes}",
            f"--num_shards={2 if quick else 4}",
            "--length_scale=0.2",
        )
    names = ("rgb", "audio") if level == "frame" else ("mean_rgb", "mean_audio")
    return DataSet(
        name="synthetic",
        title=f"synthetic: made {'frames (24 to 60 a video)' if level == 'frame' else 'videos'}, made labels",
        **find_split_shards(os.path.join(made, level)),
        features=FeatureSpec(names, tuple(map(int, sizes.split(","))), classes, level, 60),
        training=TrainingParams(**_RECIPE),
        frames=(1, 2, 3, 4, 6) if level == "frame" else (),
        more_frames=(12, 30) if level == "frame" else (),
        blocks=10,
        models=FRAME_MODELS if level == "frame" else VIDEO_MODELS,
    )


def _quick(data_set):
    """The same with few records, steps and units: to try whether everything runs."""
    models = {
        name: (registered, {key: value // 8 if _is_size(key) else value for key, value in numbers.items()})
        for name, (registered, numbers) in data_set.models.items()
        if not name.endswith("4")  # fewer candidates
    }
    training = dataclasses.replace(data_set.training, batch_size=8, num_epochs=2, log_steps=8)
    return dataclasses.replace(
        data_set,
        title=f"{data_set.title}; quick sizes, whose figures say nothing",
        train=data_set.train[:2],
        evaluation=data_set.evaluation[:2],
        frames=data_set.frames[-2:],
        more_frames=(),
        models=models,
        training=training,
    )


def _is_size(name):
    return name.endswith(("_cells", "_size", "_units"))
