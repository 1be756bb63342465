r"""Writes a synthetic data set in YouTube-8M's layout, to try, test and measure with when the real one is not at hand.

It has the real set's class frequencies, labels per video, lengths, feature spread and correlation in time. Videos are
made of scenes that show one of their labels each, so more frames tell more. Splits share their classes and looks as
long as --world_seed and the features are the same; another --split or --seed gives other videos.

  # 1000 videos of the real size (270 MB) in some seconds.
  python -m tfrecords_tools.synthesize --output_dir=data

  # A small set that a small model learns in a minute, and one to evaluate on.
  python -m tfrecords_tools.synthesize --output_dir=data --num_videos=2000 --num_classes=25 --length_scale=0.1
  python -m tfrecords_tools.synthesize --output_dir=data --num_videos=500 --num_classes=25 --length_scale=0.1 \
      --split=validate

  # AudioSet's names and sizes.
  python -m tfrecords_tools.synthesize --output_dir=data --feature_names=audio_embedding --feature_sizes=128 \
      --num_classes=527 --max_frames=10
"""

import math
import time

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError
from yt8m_distill.spec import LEVELS, FeatureSpec

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the shards; made where it is missing.")
_SPLIT = flags.DEFINE_string("split", "train", "What the names of the shards begin with: train0000.tfrecord ...")
_NUM_VIDEOS = flags.DEFINE_integer("num_videos", 1000, "Videos in all.", lower_bound=1)
_NUM_SHARDS = flags.DEFINE_integer("num_shards", 8, "Files.", lower_bound=1)
_NUM_CLASSES = flags.DEFINE_integer("num_classes", 3862, "Classes, the most frequent ones first.", lower_bound=1)
_FEATURE_NAMES = flags.DEFINE_list("feature_names", "rgb,audio", "Features; those with audio in their name are audio.")
_FEATURE_SIZES = flags.DEFINE_list("feature_sizes", "1024,128", "Values of each feature in a frame.")
_LEVEL = flags.DEFINE_enum("level", "frame", LEVELS, "Layout; at video level the features are called mean_rgb ...")
_LENGTH_SCALE = flags.DEFINE_float("length_scale", 1.0, "Lengths times this; 0.1 makes 12 to 30 frames.", lower_bound=0)
flags.register_validator("length_scale", math.isfinite, "must be a number")
_MIN_FRAMES = flags.DEFINE_integer("min_frames", 1, "Shorter videos get this many frames.", lower_bound=1)
_MAX_FRAMES = flags.DEFINE_integer("max_frames", 300, "Longer videos are cut to this many frames.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Which videos are drawn.", lower_bound=0)
_WORLD_SEED = flags.DEFINE_integer("world_seed", 0, "Which classes there are and how they look.", lower_bound=0)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace the shards of this split that lie in --output_dir.")


def main(arguments):
    command.no_arguments(arguments)
    if not _OUTPUT_DIR.value:
        raise InputError("--output_dir is missing, for example --output_dir=data; see --help.")
    if _MIN_FRAMES.value > _MAX_FRAMES.value:
        raise InputError(f"--min_frames={_MIN_FRAMES.value} is more than --max_frames={_MAX_FRAMES.value}.")
    spec = _feature_spec()
    command.import_tensorflow()
    print(_in_words(*_write(spec)))


def _feature_spec():
    sizes = _FEATURE_SIZES.value
    if not all(size.isdigit() for size in sizes):
        raise InputError(f"--feature_sizes={','.join(sizes)}: expected whole numbers separated by commas.")
    return FeatureSpec(tuple(_FEATURE_NAMES.value), tuple(map(int, sizes)), _NUM_CLASSES.value)


def _write(spec):
    """Returns (SetSummary, seconds), TensorFlow's own start not counted."""
    import tqdm

    from tfrecords_tools.synthetic_set import write_set
    from tfrecords_tools.synthetic_videos import VideoDrawer
    from tfrecords_tools.synthetic_world import World

    started = time.perf_counter()
    world = World(spec.names, spec.sizes, spec.num_classes, _WORLD_SEED.value)
    drawer = VideoDrawer(world, _SPLIT.value, _SEED.value, _LENGTH_SCALE.value, _MIN_FRAMES.value, _MAX_FRAMES.value)
    count = _NUM_VIDEOS.value
    videos = tqdm.tqdm(drawer.draw(count), _SPLIT.value, count, unit="video", mininterval=0.5, delay=0.2, disable=None)
    summary = write_set(
        videos, count, _OUTPUT_DIR.value, _SPLIT.value, _NUM_SHARDS.value, _LEVEL.value, _OVERWRITE.value
    )
    return summary, time.perf_counter() - started


def _in_words(summary, seconds):
    return (
        f"{summary.videos:,} videos at {_LEVEL.value} level in {len(summary.paths)} shards, "
        f"{summary.paths[0]} and following.\n"
        f"{summary.frames:,} frames ({summary.frames / summary.videos:.1f} a video), "
        f"{summary.labels / summary.videos:.2f} labels a video, {summary.bytes / 1e6:,.1f} MB, "
        f"{seconds:.1f} s ({summary.videos / seconds:,.0f} videos/s)."
    )


def run():
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
