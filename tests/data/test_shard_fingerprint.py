import gzip
import os
import pathlib
import shutil

import pytest
from made_runs import frame_record, make_videos, write_shards

from yt8m_distill.data.record_checks import RecordError
from yt8m_distill.data.shard_fingerprint import shard_fingerprint

RECORDS = [frame_record(video) for video in make_videos(5)]


def _shard(folder, records=RECORDS):
    return write_shards(folder, "shard", records, shards=1)[0]


def test_the_same_records_have_the_same_fingerprint(tmp_path):
    path = _shard(tmp_path)
    shutil.copy(path, tmp_path / "copy")
    os.utime(tmp_path / "copy", (0, 0))
    size, fingerprint = shard_fingerprint(path)
    assert size == os.path.getsize(path) and fingerprint.startswith("records:")
    assert shard_fingerprint(str(tmp_path / "copy")) == (size, fingerprint)


def test_other_records_another_order_or_fewer_have_another(tmp_path):
    changed = [RECORDS[0][:-1] + b"\x00", *RECORDS[1:]]
    found = {
        shard_fingerprint(_shard(tmp_path / str(number), records))
        for number, records in enumerate((RECORDS, RECORDS[::-1], RECORDS[:-1], changed, []))
    }
    assert len(found) == 5


def test_compressed_files_are_compared_byte_by_byte(tmp_path):
    content = pathlib.Path(_shard(tmp_path)).read_bytes()
    path = tmp_path / "shard.tfrecord.gz"
    found = set()
    for level in (1, 9):
        path.write_bytes(gzip.compress(content, level, mtime=0))
        found.add(shard_fingerprint(str(path)))
    assert len(found) == 2 and all(fingerprint.startswith("file:") for _, fingerprint in found)


@pytest.mark.parametrize("left", [3, 40, -1])
def test_a_file_that_ends_within_a_record_is_named(left, tmp_path):
    path = pathlib.Path(_shard(tmp_path))
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(RecordError, match=r"shard0\.tfrecord: record \d: the file ends within it"):
        shard_fingerprint(str(path))


@pytest.mark.parametrize("name", ["gone.tfrecord", "gone.tfrecord.gz"])
def test_a_missing_file_is_named(name, tmp_path):
    with pytest.raises(RecordError, match=name):
        shard_fingerprint(str(tmp_path / name))
