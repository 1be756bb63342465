import collections
import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from made_records import (
    FRAME,
    SEGMENT,
    VIDEO,
    as_numpy,
    assert_same_example,
    frame_record,
    plain_examples,
    random_frames,
    random_record,
    segment_record,
    video_record,
    write_shard,
    write_shards,
)

from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.errors import InputError


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Fifty frame-level records of one to eight frames in three files."""
    random = np.random.default_rng(0)
    records = [random_record(random, FRAME, f"v{i:02}") for i in range(50)]
    return write_shards(tmp_path_factory.mktemp("shards"), records, 3)


def ids(batches):
    return [video.decode() for batch in batches for video in batch["id"].numpy().tolist()]


def read(shards, seed=None, epoch=0, **options):
    return read_batches(shards, FRAME, ReadOptions(**{"batch_size": 4, **options}), seed=seed, epoch=epoch)


def assert_same_batches(left, right):
    left, right = list(left), list(right)
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@pytest.mark.parametrize("num_readers", [1, 2, 8])
@pytest.mark.parametrize("seed, buffer", [(None, 1), (0, 7), (1, 1000)])
def test_every_record_comes_once_a_pass(shards, num_readers, seed, buffer):
    found = ids(read(shards, seed, num_readers=num_readers, shuffle_buffer=buffer))
    assert sorted(found) == [f"v{i:02}" for i in range(50)]


def test_readers_that_may_overtake_each_other_still_read_every_record_once(shards):
    assert sorted(ids(read(shards, 0, deterministic=False))) == [f"v{i:02}" for i in range(50)]


@pytest.mark.parametrize("seed", [None, 3])
def test_the_same_arguments_give_the_same_batches(shards, seed):
    assert_same_batches(read(shards, seed, epoch=2), read(shards, seed, epoch=2))
    dataset = read(shards, seed)
    assert_same_batches(dataset, dataset)


def test_seeds_and_epochs_differ_in_their_order(shards):
    orders = [ids(read(shards, seed, epoch)) for seed, epoch in ((None, 0), (0, 0), (0, 1), (1, 0), (1, 1))]
    assert len(set(map(tuple, orders))) == 5


def test_the_order_mixes_records_of_all_shards(shards):
    order = [int(video[1:]) for video in ids(read(shards, 0))]
    moved = np.abs(np.argsort(order) - np.arange(50))
    assert moved.mean() > 8, "a random permutation of 50 moves each by 17 on average"


def test_one_reader_and_no_seed_read_file_after_file(shards):
    assert ids(read(shards, num_readers=1)) == [f"v{i:02}" for part in range(3) for i in range(part, 50, 3)]


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("done", [1, 8, 13])
def test_a_pass_that_skips_goes_on_where_the_other_stopped(shards, seed, done):
    whole = list(read(shards, seed, epoch=1))
    assert_same_batches(read(shards, seed, epoch=1).skip(done), whole[done:])


@pytest.mark.parametrize("level", ["frame", "video", "segment"])
def test_a_last_batch_that_is_smaller_is_kept_or_dropped(tmp_path, level):
    random = np.random.default_rng(0)
    spec = {"frame": FRAME, "video": VIDEO, "segment": SEGMENT}[level]
    if level == "segment":
        ratings = [(start, 0, 1.0) for start in range(0, 22, 2)]
        records = [segment_record(random_frames(random, SEGMENT, 30), ratings)]
    else:
        records = [random_record(random, spec, f"v{i}") for i in range(11)]
    shard = write_shard(tmp_path / "shard", records)

    def sizes(**options):
        return [len(batch["id"]) for batch in read_batches([shard], spec, ReadOptions(batch_size=4, **options))]

    assert sizes() == [4, 4, 3]
    assert sizes(drop_remainder=True) == [4, 4]
    assert [len(b["id"]) for b in read_batches([shard], spec, ReadOptions(batch_size=12, drop_remainder=True))] == []


@pytest.mark.parametrize("batch_size", [5, 8, 11, 64])
def test_a_batch_is_as_long_as_its_longest_video(shards, batch_size):
    for batch in read(shards, batch_size=batch_size):
        assert batch["rgb"].shape[1] == batch["audio"].shape[1] == batch["num_frames"].numpy().max()
        assert batch["rgb"].shape[2] == 6 and batch["rgb"].dtype == tf.uint8


def test_labels_are_left_unread_where_there_are_none_to_trust(tmp_path):
    random = np.random.default_rng(0)
    frames = [frame_record(random_frames(random, FRAME, 2), [99], "a")]
    means = [video_record({"mean_rgb": [0.0] * 6, "mean_audio": [0.0] * 3}, [99], "a")]
    for spec, records in ((FRAME, frames), (VIDEO, means)):
        (batch,) = read_batches([write_shard(tmp_path / spec.level, records)], spec, labelled=False)
        assert "labels" not in batch and batch["id"].numpy().tolist() == [b"a"]


@pytest.mark.parametrize("level", ["frame", "video"])
def test_videos_without_frames_and_labels_do_not_crash_the_process(tmp_path, level):
    # tf.data's unbatch() does, on tensors without elements.
    spec = {"frame": FRAME, "video": VIDEO}[level]
    frames = {name: np.zeros((0, size), np.uint8) for name, size in spec.size_by_name.items()}
    record = frame_record(frames) if spec.has_frames else video_record({"mean_rgb": [0.0] * 6, "mean_audio": [0.0] * 3})
    (batch,) = read_batches([write_shard(tmp_path / "shard", [record] * 10)], spec)
    assert batch["labels"].shape == (10, 0)
    if spec.has_frames:
        assert batch["num_frames"].numpy().tolist() == [0] * 10 and batch["rgb"].shape == (10, 0, 6)


def test_shards_without_labels_are_read(tmp_path):
    message = tf.train.SequenceExample.FromString(frame_record(random_frames(np.random.default_rng(0), FRAME, 2)))
    del message.context.feature["labels"]
    shard = write_shard(tmp_path / "test", [message.SerializeToString()] * 3)
    (batch,) = read_batches([shard], FRAME, labelled=False)
    assert len(batch["id"]) == 3
    (batch,) = read_batches([shard], FRAME)
    assert batch["labels"].shape == (3, 0)


def test_videos_without_ratings_are_passed_over_at_segment_level(tmp_path):
    frames = random_frames(np.random.default_rng(0), SEGMENT, 12)
    records = [segment_record(frames, ratings, video_id=name) for name, ratings in (("a", []), ("b", [(5, 1, 1.0)]))]
    assert ids(read_batches([write_shard(tmp_path / "shard", records)], SEGMENT)) == ["b:5"]


@pytest.mark.parametrize("seed", range(8))
def test_batches_of_random_records_equal_their_plain_parse(tmp_path, seed):
    random = np.random.default_rng(seed)
    for spec in (FRAME, VIDEO, SEGMENT):
        spec = dataclasses.replace(spec, max_frames=int(random.integers(3, 9)))
        records = [random_record(random, spec, f"v{i}", ragged=bool(seed % 2)) for i in range(random.integers(1, 41))]
        expected = {example["id"]: example for record in records for example in plain_examples(record, spec)}
        options = ReadOptions(batch_size=int(random.integers(1, 20)), num_readers=int(random.integers(1, 4)))
        folder = tmp_path / spec.level
        folder.mkdir()
        found = collections.Counter()
        shuffled = None if seed % 3 else seed
        for batch in read_batches(write_shards(folder, records, 2), spec, options, seed=shuffled):
            batch = as_numpy(batch)
            for row, example in enumerate(batch["id"].tolist()):
                assert_same_example(batch, row, expected[example], spec)
                found[example] += 1
        assert found == dict.fromkeys(expected, 1)


GOOD = frame_record(random_frames(np.random.default_rng(1), FRAME, 4), [3])
MEANS = {"mean_rgb": [0.5] * 6, "mean_audio": [0.5] * 3}


def failure(shards, spec, **options):
    """The one line that reading all batches ends with."""
    with pytest.raises(InputError) as error:
        collections.deque(checked(read_batches(shards, spec, ReadOptions(4), **options), shards, spec))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "bad, reason",
    [
        (frame_record(random_frames(np.random.default_rng(0), FRAME, 4), [3, 20]), "label 20 is not in 0..19"),
        (frame_record({"rgb": [b"abcde"] * 2, "audio": [b"abc"] * 2}), "rgb has 5 bytes a frame, expected 6"),
        (frame_record({"rgb": [b"abcdef", b""], "audio": [b"abc"] * 2}), "rgb has frames of 0, 6 bytes, expected 6"),
        (frame_record({"rgb": [b"abcdef"]}), "it has no feature 'audio'"),
        (video_record(MEANS, [3]), "it is video level"),
        (b"no record at all", "neither a tf.train.Example nor"),
    ],
)
@pytest.mark.parametrize("seed", [None, 0])
def test_a_bad_record_ends_in_one_line_that_names_file_and_record(tmp_path, bad, reason, seed):
    good = write_shard(tmp_path / "good", [GOOD] * 20)
    wrong = write_shard(tmp_path / "wrong", [GOOD] * 13 + [bad] + [GOOD] * 3)
    line = failure([good, wrong], FRAME, seed=seed)
    assert line.startswith(f"{wrong}: record 13: ") and reason in line


@pytest.mark.parametrize(
    "spec, bad, reason",
    [
        (VIDEO, video_record(MEANS, [20]), "label 20 is not in 0..19"),
        (VIDEO, video_record({**MEANS, "mean_rgb": [0.5] * 7}), "mean_rgb has 7 floats, expected 6"),
        (VIDEO, GOOD, "it is frame level"),
        (SEGMENT, segment_record({"rgb": [b"abcdef"] * 9, "audio": [b"abc"] * 9}, [(0, 20, 1.0)]), "label 20"),
        (SEGMENT, segment_record({"rgb": [b"abcdef"] * 9, "audio": [b"abc"] * 9}, [(-1, 2, 1.0)]), "frame -1"),
        (SEGMENT, video_record(MEANS, [3]), "it is video level"),
    ],
)
def test_other_levels_say_it_as_well(tmp_path, spec, bad, reason):
    first = (
        video_record(MEANS, [3])
        if spec is VIDEO
        else segment_record({"rgb": [b"abcdef"] * 9, "audio": [b"abc"] * 9}, [(5, 2, 1.0)])
    )
    shard = write_shard(tmp_path / "shard", [first, first, bad])
    line = failure([shard], spec)
    assert line.startswith(f"{shard}: record 2: ") and reason in line


def test_frame_level_records_read_as_segments_are_an_error_and_not_an_empty_pass(tmp_path):
    shard = write_shard(tmp_path / "shard", [GOOD] * 3)
    line = failure([shard], SEGMENT)
    assert line.startswith(f"{shard}: record 0: it is frame level")


def test_a_truncated_shard_ends_in_one_line(tmp_path):
    path = tmp_path / "shard"
    write_shard(path, [GOOD] * 9)
    path.write_bytes(path.read_bytes()[:-5])
    assert re.match(rf"{path}: record 8: the file is damaged", failure([str(path)], FRAME))


@pytest.mark.parametrize("place", [2, 40, -3])
def test_a_flipped_byte_ends_in_one_line(tmp_path, place):
    path = tmp_path / "shard"
    write_shard(path, [GOOD] * 9)
    content = bytearray(path.read_bytes())
    size = len(content) // 9
    content[(5 * size + place) if place > 0 else 6 * size + place] ^= 1
    path.write_bytes(content)
    assert re.match(rf"{path}: record 5: the file is damaged", failure([str(path)], FRAME))


def test_an_empty_and_a_foreign_file_end_in_one_line(tmp_path):
    empty, foreign = tmp_path / "empty", tmp_path / "foreign"
    empty.write_bytes(b"")
    foreign.write_text("VideoId,LabelConfidencePairs\n" * 100)
    assert failure([str(empty)], FRAME) == f"{empty}: it holds no records."
    assert failure([str(foreign)], FRAME).startswith(f"{foreign}: record 0: it is not a TFRecord file")


def test_batches_before_the_bad_record_are_read(tmp_path):
    shard = write_shard(tmp_path / "shard", [GOOD] * 40 + [b"no record at all"])
    batches = checked(read_batches([shard], FRAME, ReadOptions(4)), [shard], FRAME)
    assert [len(next(batches)["id"]) for _ in range(8)] == [4] * 8
    with pytest.raises(InputError, match="record 40"):
        list(batches)


def test_an_epoch_resumed_at_its_very_end_is_no_error(shards):
    assert list(checked(read(shards, 0).skip(13), shards, FRAME)) == []
