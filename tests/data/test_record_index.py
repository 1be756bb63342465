import os
import pathlib

import numpy as np
import pytest
from made_records import FRAME, frame_record, random_frames, random_record, write_shard

from yt8m_distill.data import index_cache
from yt8m_distill.data.index_cache import cache_path, index_shards
from yt8m_distill.data.record_checks import RecordError
from yt8m_distill.data.record_index import build_index


@pytest.fixture
def shard(tmp_path, monkeypatch):
    """Nine records, the fifth of another frame size; its index goes to a folder of its own."""
    monkeypatch.setenv("YT8M_DISTILL_INDEX_DIR", str(tmp_path / "index"))
    random = np.random.default_rng(0)
    records = [random_record(random, FRAME, f"v{i}") for i in range(9)]
    records[4] = frame_record({"rgb": [b"abcdef", b"a"], "audio": [b"abc"] * 2})
    return write_shard(tmp_path / "shard", records)


@pytest.fixture
def built(monkeypatch):
    """Paths that were indexed, in order."""
    paths = []

    def build(path):
        paths.append(path)
        return build_index(path)

    monkeypatch.setattr(index_cache, "build_index", build)
    return paths


def test_an_index_holds_every_record_and_knows_the_irregular_one(shard):
    index = build_index(shard)
    assert len(index) == 9
    assert index.regular.tolist() == [number != 4 for number in range(9)]
    content = pathlib.Path(shard).read_bytes()
    assert content[-4 - index.lengths[8] : -4] == content[index.offsets[8] : index.offsets[8] + index.lengths[8]]
    ids = [index.ids[index.id_ends[n] : index.id_ends[n + 1]].tobytes() for n in range(9)]
    assert ids == [b"" if n == 4 else b"v%d" % n for n in range(9)]


def test_a_file_is_indexed_once(shard, built):
    first, second = index_shards([shard])[0], index_shards([shard])[0]
    assert built == [shard]
    for name, value in vars(first).items():
        np.testing.assert_array_equal(getattr(second, name), value, err_msg=name)


def test_a_changed_file_is_indexed_again(shard, built):
    index_shards([shard])
    write_shard(shard, [frame_record(random_frames(np.random.default_rng(0), FRAME, 2))] * 3)
    assert len(index_shards([shard])[0]) == 3
    os.utime(shard, ns=(1, 1))
    index_shards([shard])
    assert built == [shard] * 3


def test_a_file_that_changes_while_it_is_indexed_leaves_no_index(shard, monkeypatch):
    def build(path):
        os.utime(path, ns=(1, 1))
        return build_index(path)

    monkeypatch.setattr(index_cache, "build_index", build)
    with pytest.raises(RecordError, match="changed while it was indexed"):
        index_shards([shard])
    assert not os.path.exists(cache_path(shard))


def test_an_index_damaged_anywhere_is_built_again_or_right(shard):
    expected = index_shards([shard])[0]
    content = pathlib.Path(cache_path(shard)).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= 1 << int(random.integers(8))
        pathlib.Path(cache_path(shard)).write_bytes(damaged)
        for name, value in vars(index_shards([shard])[0]).items():
            np.testing.assert_array_equal(value, vars(expected)[name], err_msg=name)


def test_the_frame_size_of_most_records_is_the_shards(tmp_path):
    records = [frame_record(random_frames(np.random.default_rng(0), FRAME, 2)) for _ in range(5)]
    records[2] = frame_record({"rgb": [b"abcdefgh"] * 2, "audio": [b"abc"] * 2})
    assert build_index(write_shard(tmp_path / "mixed", records)).regular.tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("content", [b"", b"no index", b"PK\x03\x04 nor this"])
def test_a_damaged_index_is_built_again(shard, built, content):
    index_shards([shard])
    pathlib.Path(cache_path(shard)).write_bytes(content)
    assert len(index_shards([shard])[0]) == 9
    assert built == [shard] * 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(shard, built, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("YT8M_DISTILL_INDEX_DIR", str(tmp_path / "file" / "index"))
    assert len(index_shards([shard])[0]) == len(index_shards([shard])[0]) == 9
    assert built == [shard] * 2


def test_no_half_written_index_is_left(shard):
    index_shards([shard])
    assert [name.endswith(".npz") for name in os.listdir(os.path.dirname(cache_path(shard)))] == [True]


@pytest.mark.parametrize("place", [3, 30, 200])
def test_a_flipped_byte_is_found_and_nothing_is_kept(shard, place):
    content = bytearray(pathlib.Path(shard).read_bytes())
    content[place] ^= 1
    pathlib.Path(shard).write_bytes(content)
    with pytest.raises(RecordError, match=r"record \d"):
        index_shards([shard])
    assert not os.path.exists(cache_path(shard))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordError, match="missing: it cannot be read: No such file"):
        index_shards([str(tmp_path / "missing")])


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert len(build_index(str(tmp_path / "empty"))) == 0
