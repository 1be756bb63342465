"""Indexes frame-level TFRecord files, so that training need not at its start, and finds videos by their ids.

One pass over each file compares every checksum and notes where its records lie; files that were indexed before and have
not changed since are not read again. Training, evaluation and inference do the same when they meet a new file. The
indexes are kept in $YT8M_DISTILL_INDEX_DIR, or in yt8m_distill/index below $XDG_CACHE_HOME or ~/.cache.

  python -m tfrecords_tools.index 'data/train*.tfrecord'
  python -m tfrecords_tools.index 'data/train*.tfrecord' --video_id=ABCD
"""

import os

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

_VIDEO_ID = flags.DEFINE_string("video_id", None, "Say in which file, and as which record, this video stands.")


def main(arguments):
    if not arguments:
        raise InputError("expected TFRecord files or patterns, such as 'data/train*.tfrecord'; see --help.")
    command.import_tensorflow()
    from yt8m_distill.data.index_cache import cache_path, index_shards
    from yt8m_distill.data.shards import find_shards, is_mappable

    shards = sorted({path for pattern in arguments for path in find_shards(pattern, "PATTERN")})
    for path in shards:
        if not is_mappable(path):
            raise InputError(f"{path} is remote or compressed: such files are parsed, and have no index.")
    indexes = index_shards(shards)
    if _VIDEO_ID.value is not None:
        return _print_places(_VIDEO_ID.value, shards, indexes)
    records, regular = sum(map(len, indexes)), sum(int(index.regular.sum()) for index in indexes)
    print(f"shards    {len(shards):,}")
    others = "" if regular == records else "; the others are parsed when they are read"
    print(f"records   {records:,}, {regular:,} of them indexed{others}")
    print(f"indexes   {os.path.dirname(cache_path(shards[0]))}")


def _print_places(video_id, shards, indexes):
    places = [(path, number) for path, index in zip(shards, indexes, strict=True) for number in index.find(video_id)]
    for path, number in places:
        print(f"{path}: record {number}: python -m tfrecords_tools.show {path} --skip={number} --records=1")
    if not places:
        unknown = sum(int((~index.regular).sum()) for index in indexes)
        rest = f" {unknown} records that are not indexed were not searched." if unknown else ""
        raise InputError(f"--video_id={video_id} stands in none of the {len(shards)} files.{rest}")


def run():
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
