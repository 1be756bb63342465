"""What a record is said to hold, and every way in which a record or a shard can be wrong."""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from yt8m_distill.data import record_checks
from yt8m_distill.data.record_description import Segments
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

FRAME = FeatureSpec(("rgb", "audio"), (4, 2), 10)
SEGMENT = FeatureSpec(("rgb", "audio"), (4, 2), 10, "segment")
VIDEO = FeatureSpec(("mean_rgb", "mean_audio"), (4, 2), 10, "video")
SHARED = pathlib.Path(
    os.environ.get("YT8M_SHARED_DATA", pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data")
)
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def feature(values):
    values = list(values)
    if isinstance(values[0] if values else 0, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0] if values else 0, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def features(mapping):
    return tf.train.Features(feature={name: feature(values) for name, values in mapping.items()})


def frame_record(context=None, **lists):
    context = {"id": [b"ab12"], "labels": [3, 7]} if context is None else context
    lists = lists or {"rgb": [b"abcd"] * 3, "audio": [b"xy"] * 3}
    frames = {name: tf.train.FeatureList(feature=[feature([row]) for row in rows]) for name, rows in lists.items()}
    return tf.train.SequenceExample(
        context=features(context), feature_lists=tf.train.FeatureLists(feature_list=frames)
    ).SerializeToString()


def segment_record(starts=(0, 0), labels=(3, 4), scores=(1.0, 0.0), frames=12):
    context = {
        "id": [b"ab12"],
        "labels": [3],
        "segment_start_times": starts,
        "segment_labels": labels,
        "segment_scores": scores,
    }
    return frame_record(context, rgb=[b"abcd"] * frames, audio=[b"xy"] * frames)


def video_record(rgb=(0.5, 0.0, 1.0, -1.0), **context):
    mapping = {"id": [b"ab12"], "labels": [3], "mean_rgb": rgb, "mean_audio": (0.5, 1.0)} | context
    return tf.train.Example(features=features(mapping)).SerializeToString()


def problems(record, spec):
    return record_checks.problems_of(record_checks.describe_record(record), spec)


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def test_a_frame_level_record_is_described():
    found = record_checks.describe_record(frame_record())
    assert (found.level, found.id_key, found.id, found.labels) == ("frame", "id", "ab12", (3, 7))
    assert found.num_frames == {"rgb": 3, "audio": 3}
    assert found.sizes == {"rgb": 4, "audio": 2}
    assert found.segments is None and not found.irregular_sizes and not found.not_finite


def test_a_video_level_record_is_described():
    found = record_checks.describe_record(video_record())
    assert (found.level, found.id, found.labels, found.num_frames) == ("video", "ab12", (3,), {})
    assert found.sizes == {"mean_rgb": 4, "mean_audio": 2}


def test_a_segment_level_record_is_described():
    found = record_checks.describe_record(segment_record())
    assert found.level == "segment"
    assert found.segments == Segments((0, 0), (3, 4), (1.0, 0.0))


@pytest.mark.parametrize(
    ("context", "key"),
    [
        ({"video_id": [b"x"], "url": [b"y"]}, "video_id"),
        ({"id": [b"x"], "video_id": [b"y"]}, "id"),
        ({"key": [b"x"], "labels": [1]}, "key"),
        ({"a": [b"x"], "b": [b"y"]}, None),
        ({"labels": [1]}, None),
    ],
)
def test_the_key_of_the_id_is_found(context, key):
    assert record_checks.describe_record(frame_record(context)).id_key == key


def test_good_records_have_no_problems():
    assert problems(frame_record(), FRAME) == []
    assert problems(video_record(), VIDEO) == []
    assert problems(segment_record(), SEGMENT) == []
    assert problems(segment_record(), FRAME) == []
    assert problems(frame_record({"id": [b"x"], "labels": []}), FRAME) == []  # as in the public test set


@pytest.mark.parametrize(
    ("record", "spec", "words"),
    [
        (frame_record(rgb=[b"abcd"]), FRAME, ["'audio'", "it has rgb", "--feature_names"]),
        (frame_record(rgb=[b"abc"], audio=[b"xy"]), FRAME, ["rgb has 3 bytes a frame, expected 4", "--feature_sizes"]),
        (frame_record(rgb=[b"abcd", b"ab"], audio=[b"xy"] * 2), FRAME, ["rgb has frames of 2, 4 bytes, expected 4"]),
        (frame_record(rgb=[b"abcd"] * 2, audio=[b"xy"]), FRAME, ["rgb has 2 frames, audio has 1 frames"]),
        (frame_record(rgb=[], audio=[]), FRAME, ["rgb has no frames", "audio has no frames"]),
        (frame_record(rgb=[0.5, 0.5], audio=[b"xy"] * 2), FRAME, ["rgb has 0 bytes a frame, expected 4"]),
        (frame_record({"id": [b"x"], "labels": [3, 10, -1]}), FRAME, ["label -1, 10 is not in 0..9", "--num_classes"]),
        (frame_record({"labels": [3]}), FRAME, ["no id", "'video_id'"]),
        (frame_record(), SEGMENT, ["frame level", "expected segment level", "without --segment_labels"]),
        (frame_record(), VIDEO, ["frame level", "expected video level", "--frame_features"]),
        (video_record(), FRAME, ["video level", "expected frame level", "--noframe_features"]),
        (segment_record(), VIDEO, ["segment level", "--frame_features", "with --segment_labels"]),
        (video_record(rgb=(1.0,) * 3), VIDEO, ["mean_rgb has 3 floats, expected 4"]),
        (video_record(rgb=(1.0, np.nan, np.inf, 0.0)), VIDEO, ["mean_rgb has 2 values that are NaN or infinite"]),
        (segment_record(scores=(1.0,)), SEGMENT, ["2 segment_start_times, 2 segment_labels and 1 segment_scores"]),
        (segment_record(labels=(3, 99)), SEGMENT, ["segment label 99 is not in 0..9"]),
        (segment_record(starts=(0, 12)), SEGMENT, ["starts at frame 12, expected 0..11", "12 frames"]),
    ],
)
def test_a_problem_says_what_was_expected_and_received(record, spec, words):
    text = " ".join(problems(record, spec))
    assert all(word in text for word in words), text


def test_bytes_that_are_no_record_are_refused():
    for garbage in (b"", b"\xff" * 40, b"hello world"):
        with pytest.raises(InputError, match=r"neither a tf\.train\.Example nor"):
            record_checks.describe_record(garbage)


def test_a_clean_shard_is_counted(tmp_path):
    path = write(tmp_path / "a.tfrecord", [frame_record(), frame_record({"id": [b"x"], "labels": [9]})])
    report = record_checks.check_shard(path, FRAME)
    assert report.problems == ()
    assert (report.records, report.frames, report.labels, report.max_label) == (2, 6, 3, 9)
    assert report.ids == ("ab12", "x")
    assert report.bytes == os.path.getsize(path)
    assert record_checks.explain_failure([path], FRAME) is None


def test_the_record_number_of_a_problem_counts_from_zero(tmp_path):
    path = write(tmp_path / "a.tfrecord", [frame_record(), frame_record({"id": [b"x"], "labels": [99]}), b"\xff" * 9])
    report = record_checks.check_shard(path, FRAME)
    assert [number for number, _ in report.problems] == [1, 2]
    assert report.records == 3
    assert record_checks.check_shard(path, FRAME, limit=1).problems == ()
    with pytest.raises(InputError, match=r"a\.tfrecord: record 1: label 99"):
        record_checks.explain_failure([path], FRAME)


def test_a_truncated_shard_is_a_problem_where_it_ends(tmp_path):
    path = write(tmp_path / "a.tfrecord", [frame_record()] * 3)
    whole = pathlib.Path(path).read_bytes()
    pathlib.Path(path).write_bytes(whole[:-5])
    report = record_checks.check_shard(path, FRAME)
    assert report.records == 2
    ((number, text),) = report.problems
    assert number == 2 and "damaged" in text and "truncated" in text


def test_a_flipped_byte_is_found_by_its_checksum(tmp_path):
    path = write(tmp_path / "a.tfrecord", [frame_record()] * 3)
    whole = bytearray(pathlib.Path(path).read_bytes())
    whole[len(whole) // 2] ^= 1
    pathlib.Path(path).write_bytes(bytes(whole))
    ((number, text),) = record_checks.check_shard(path, FRAME).problems
    assert number == 1 and "damaged" in text


def test_files_that_hold_no_records(tmp_path):
    empty, csv = tmp_path / "empty.tfrecord", tmp_path / "table.csv"
    empty.write_bytes(b"")
    csv.write_text("VideoId,LabelConfidencePairs\n" * 9)
    for path, words in (
        (empty, "it holds no records"),
        (csv, "not a TFRecord file"),
        (tmp_path, "it is a directory"),
        (tmp_path / "missing.tfrecord", "there is no such file"),
    ):
        assert words in record_checks.check_shard(str(path), FRAME).problems[0][1]
        with pytest.raises(InputError, match=words):
            record_checks.detect_layout(str(path))
        with pytest.raises(InputError, match=words):
            record_checks.explain_failure([str(path)], FRAME)


@pytest.mark.parametrize("level", ["frame", "video", "segment"])
def test_the_layout_of_reference_files_is_detected(level):
    found = record_checks.detect_layout(str(GOLDEN / f"reader_{level}_small.tfrecord"))
    assert found.level == level
    assert set(found.sizes.values()) == {16, 8}


@pytest.mark.parametrize(
    ("pattern", "spec"),
    [
        ("audioset/train/*00.tfrecord", FeatureSpec(("audio_embedding",), (128,), 527)),
        ("yt8m_video_level/validate/*.tfrecord", FeatureSpec(("mean_rgb", "mean_audio"), level="video")),
    ],
)
def test_real_shards_are_clean(pattern, spec):
    paths = sorted(SHARED.glob(pattern))[:1]
    if not paths:
        pytest.skip(f"no {pattern} in {SHARED}")
    report = record_checks.check_shard(str(paths[0]), spec)
    assert report.problems == ()
    assert report.records > 100 and report.labels > report.records
