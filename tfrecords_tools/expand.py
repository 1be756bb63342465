r"""Turns video-level records into frame-level ones: "expanded" data, with real labels and made frames.

For work on frames where only YouTube-8M's video-level records are at hand. What is real: the ids, the labels, and the
mean of every feature, which the frames give back (the sum of a video's codes is exact to half a code). What is made:
the number of frames, drawn as real lengths are distributed, and the frames, noise around the mean that is spread and
correlated in time as measured on real frames, each dimension by itself. A frame tells nothing about the labels but
what the mean tells, dimmed by that noise, and the order of the frames tells nothing at all. Figures on such data are
to be called figures on expanded data.

Every shard becomes a shard of the same name. A video's frames depend on its id, its means, the seed and the options
for lengths, on nothing else. A run that was interrupted continues where it stopped.

  python -m tfrecords_tools.expand --input_data_pattern='video/train*.tfrecord' --output_dir=expanded/train
  python -m tfrecords_tools.expand --input_data_pattern='video/validate*.tfrecord' --output_dir=expanded/validate

  # Smaller: a fifth of the length (up to 60 frames), 2000 videos.
  python -m tfrecords_tools.expand --input_data_pattern='video/train*.tfrecord' --output_dir=expanded/train \
      --length_scale=0.2 --num_videos=2000
"""

import math
import time

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

_INPUT_DATA_PATTERN = flags.DEFINE_string("input_data_pattern", None, "Video-level TFRecord files.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the shards; made where it is missing.")
_FEATURE_NAMES = flags.DEFINE_list("feature_names", "mean_rgb,mean_audio", "Features; the frames' lose the mean_.")
_FEATURE_SIZES = flags.DEFINE_list("feature_sizes", "1024,128", "Values of each feature.")
_NUM_CLASSES = flags.DEFINE_integer("num_classes", 3862, "Labels must be below this.", lower_bound=1)
_NUM_VIDEOS = flags.DEFINE_integer(
    "num_videos", None, "So many videos in all, the first of every shard, in proportion (default: all).", lower_bound=1
)
_LENGTH_SCALE = flags.DEFINE_float(
    "length_scale", 1.0, "Lengths times this, scenes with them; 0.2 makes 24 to 60 frames.", lower_bound=0
)
flags.register_validator("length_scale", math.isfinite, "must be a number")
_MIN_FRAMES = flags.DEFINE_integer("min_frames", 1, "Shorter videos get this many frames.", lower_bound=1)
_MAX_FRAMES = flags.DEFINE_integer("max_frames", 300, "Longer videos are cut to this many frames.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Another one gives other lengths and frames.", lower_bound=0)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace the shards of these names that lie in --output_dir.")

_SETTINGS = (_FEATURE_NAMES, _FEATURE_SIZES, _LENGTH_SCALE, _MIN_FRAMES, _MAX_FRAMES, _SEED)


def main(arguments):
    command.no_arguments(arguments)
    for flag, example in ((_INPUT_DATA_PATTERN, "'video/train*.tfrecord'"), (_OUTPUT_DIR, "expanded/train")):
        if not flag.value:
            raise InputError(f"--{flag.name} is missing, for example --{flag.name}={example}; see --help.")
    if _MIN_FRAMES.value > _MAX_FRAMES.value:
        raise InputError(f"--min_frames={_MIN_FRAMES.value} is more than --max_frames={_MAX_FRAMES.value}.")
    spec = _feature_spec()
    command.import_tensorflow()
    _expand(spec)


def _feature_spec():
    sizes = _FEATURE_SIZES.value
    if not all(size.isdigit() for size in sizes):
        raise InputError(f"--feature_sizes={','.join(sizes)}: expected whole numbers separated by commas.")
    return FeatureSpec(tuple(_FEATURE_NAMES.value), tuple(map(int, sizes)), _NUM_CLASSES.value, "video")


def _expand(spec):
    import tqdm

    from tfrecords_tools.expanded_set import ExpandedSet
    from tfrecords_tools.expanded_videos import FrameMaker
    from yt8m_distill.data.shards import find_shards

    started = time.perf_counter()
    lengths = _LENGTH_SCALE.value, _MIN_FRAMES.value, _MAX_FRAMES.value
    maker = FrameMaker(spec.names, spec.sizes, _SEED.value, *lengths)
    settings = {flag.name: flag.value for flag in _SETTINGS}
    expanded = ExpandedSet(_OUTPUT_DIR.value, spec, maker, settings)
    to_write, complete = expanded.plan(find_shards(_INPUT_DATA_PATTERN.value), _NUM_VIDEOS.value, _OVERWRITE.value)
    videos = sum(shard.videos for shard in to_write)
    with tqdm.tqdm(None, "expand", videos, unit="video", mininterval=0.5, delay=0.2, disable=None) as bar:
        totals = sum(expanded.write(shard, bar.update) for shard in to_write)
    print(_in_words(to_write, complete, totals, time.perf_counter() - started))


def _in_words(written, complete, totals, seconds):
    lines = [f"{len(complete)} shards were complete."] if complete else []
    if written:
        videos, frames, size, outside = totals.tolist()
        lines += [
            f"{videos:,} videos expanded into {len(written)} shards, {written[0].path} and following.",
            f"{frames:,} frames ({frames / videos:.1f} a video), {size / 1e6:,.1f} MB, "
            f"{seconds:.1f} s ({videos / seconds:,.0f} videos/s).",
        ]
        if outside:
            lines.append(f"{outside:,} means lay past what 8 bits hold, -1.992 to 2.008: their frames lie at that end.")
    return "\n".join(lines)


def run():
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
