"""Reads every record of TFRecord files, checksums included, and checks what it holds. Status 1 if anything is wrong.

Found are damaged and empty files, other layouts, missing features, wrong sizes, frames of unequal length, labels past
the class count, missing ids and values that are no numbers. Ids that stand twice are told, and are no error.

  # Names, sizes and level as in the first record.
  python -m tfrecords_tools.verify 'data/train*.tfrecord'

  # What a model for YouTube-8M's frame level expects; every problem into a table.
  python -m tfrecords_tools.verify 'data/train*.tfrecord' 'data/validate*.tfrecord' --frame_features \\
      --feature_names=rgb,audio --feature_sizes=1024,128 --num_classes=3862 --report=problems.csv
"""

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

_FEATURE_NAMES = flags.DEFINE_list("feature_names", None, "Features to expect (default: those of the first record).")
_FEATURE_SIZES = flags.DEFINE_list("feature_sizes", None, "Values of each feature (default: as in the first record).")
_NUM_CLASSES = flags.DEFINE_integer("num_classes", 3862, "Labels must be below this.", lower_bound=1)
_FRAME_FEATURES = flags.DEFINE_bool("frame_features", None, "Frame level, or not (default: as the first record).")
_SEGMENT_LABELS = flags.DEFINE_bool("segment_labels", False, "Every record must hold rated segments.")
_REPORT = flags.DEFINE_string("report", None, "CSV file for all problems: shard, record, problem.")


def main(arguments):
    if not arguments:
        raise InputError("expected TFRecord files or patterns, such as 'data/train*.tfrecord'; see --help.")
    if _SEGMENT_LABELS.value and _FRAME_FEATURES.value is False:
        raise InputError("--segment_labels and --noframe_features contradict each other: segments have frames.")
    sizes = _FEATURE_SIZES.value
    if sizes and not all(size.isdigit() for size in sizes):
        raise InputError(f"--feature_sizes={','.join(sizes)}: expected whole numbers separated by commas.")
    command.import_tensorflow()
    verification = _verify(arguments)
    return 1 if verification.problems else 0


def _verify(patterns):
    import tqdm

    from tfrecords_tools import verification
    from yt8m_distill.data.shards import find_shards

    shards = sorted({path for pattern in patterns for path in find_shards(pattern, "PATTERN")})
    names, sizes = _FEATURE_NAMES.value, _FEATURE_SIZES.value
    spec, taken = verification.expected_spec(
        shards[0], tuple(names or ()), tuple(map(int, sizes or ())), _NUM_CLASSES.value, _level()
    )
    if taken:
        print(taken, flush=True)
    found = verification.verify_shards(tqdm.tqdm(shards, "verify", unit="shard", disable=None), spec)
    print(verification.report_text(found), flush=True)
    if _REPORT.value:
        verification.write_report(found, _REPORT.value)
    return found


def _level():
    if _SEGMENT_LABELS.value:
        return "segment"
    return {True: "frame", False: "video", None: None}[_FRAME_FEATURES.value]


def run():
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
