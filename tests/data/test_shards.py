import importlib.util

import pytest
from made_records import write_shard

from yt8m_distill.data.shards import count_records, find_shards
from yt8m_distill.errors import InputError


@pytest.fixture
def folder(tmp_path):
    for name in ("b2", "a1", "a10", "c3.txt"):
        write_shard(tmp_path / name, [b"record"])
    (tmp_path / "inner").mkdir()
    return tmp_path


def test_files_come_sorted_by_name(folder):
    assert find_shards(f"{folder}/[ab]*") == [f"{folder}/{name}" for name in ("a1", "a10", "b2")]


def test_several_patterns_are_joined_by_commas_and_a_file_is_named_once(folder):
    assert find_shards(f" {folder}/b2, {folder}/a*,,{folder}/a1") == [f"{folder}/{n}" for n in ("a1", "a10", "b2")]


@pytest.mark.parametrize("pattern", ["", None, " , "])
def test_an_empty_pattern_is_an_error_that_names_the_flag(pattern):
    with pytest.raises(InputError, match="--train_data_pattern is empty"):
        find_shards(pattern, "--train_data_pattern")


@pytest.mark.parametrize("pattern", ["nothing*", "nowhere/*.tfrecord", "a1/x"])
def test_one_pattern_of_several_without_a_match_is_an_error(folder, pattern):
    with pytest.raises(InputError, match="no file matches") as error:
        find_shards(f"{folder}/a1,{folder}/{pattern}", "--eval_data_pattern")
    assert f"--eval_data_pattern={folder}/{pattern}" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("pattern", ["inner", "inner/", "*"])
def test_a_directory_is_an_error_that_shows_a_pattern_for_its_files(folder, pattern):
    with pytest.raises(InputError, match="is a directory") as error:
        find_shards(f"{folder}/{pattern}")
    assert f"{folder}/inner/*.tfrecord" in str(error.value)


def test_a_file_system_that_tensorflow_does_not_know_is_an_error_in_one_line():
    with pytest.raises(InputError, match="--input_data_pattern=unknown://bucket/x") as error:
        find_shards("unknown://bucket/x*")
    assert "\n" not in str(error.value)


def test_records_are_counted_exactly(tmp_path):
    sizes = ([0, 1, 5000], [7], [])
    shards = [write_shard(tmp_path / str(i), [b"x" * size for size in s]) for i, s in enumerate(sizes)]
    assert count_records(shards) == 4
    assert [count_records([shard]) for shard in shards] == [3, 1, 0]


@pytest.mark.parametrize("lost, left", [(1, 2), (4, 2), (20, 2), (35, 2), (36, 2), (37, 1), (72, 1), (108, 0)])
def test_a_truncated_shard_is_counted_up_to_its_last_whole_record(tmp_path, lost, left):
    path = tmp_path / "shard"
    write_shard(path, [b"x" * 20] * 3)  # 36 bytes each
    path.write_bytes(path.read_bytes()[:-lost])
    assert count_records([str(path)]) == left


def test_a_file_that_is_no_tfrecord_does_not_stop_the_count(tmp_path):
    (tmp_path / "text").write_text("VideoId,LabelConfidencePairs\n" * 100)
    assert count_records([str(tmp_path / "text")]) == 0


@pytest.mark.skipif(importlib.util.find_spec("tensorflow_io") is None, reason="tensorflow-io is not installed")
def test_tensorflow_io_opens_the_file_systems_it_is_there_for():
    with pytest.raises(InputError, match="no file matches"):  # not: scheme 'hdfs' not implemented
        find_shards("hdfs://nowhere/x*")
