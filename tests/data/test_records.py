import dataclasses

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
    integers,
    plain_examples,
    random_frames,
    random_record,
    segment_record,
    video_record,
)

from yt8m_distill.data.records import parse_frames, parse_segments, parse_videos
from yt8m_distill.spec import MISSING_BYTE, FeatureSpec


def frames_of(*records, spec=FRAME, labelled=True):
    return as_numpy(parse_frames(tf.constant(records), spec, labelled))


def segments_of(record, spec=SEGMENT):
    return as_numpy(parse_segments(tf.constant(record), spec))


def test_frames_are_the_bytes_that_were_written():
    random = np.random.default_rng(0)
    written = [random_frames(random, FRAME, count) for count in (8, 1, 5)]
    batch = frames_of(*[frame_record(frames) for frames in written])
    assert batch["num_frames"].dtype == np.int32 and batch["num_frames"].tolist() == [8, 1, 5]
    for row, frames in enumerate(written):
        for name in FRAME.names:
            assert batch[name][row, : len(frames[name])].tobytes() == frames[name].tobytes()


def test_every_byte_value_survives():
    spec = FeatureSpec(("rgb",), (256,), 20)
    batch = frames_of(frame_record({"rgb": np.arange(256, dtype=np.uint8)[None]}), spec=spec)
    assert batch["rgb"].ravel().tolist() == list(range(256))


def test_videos_longer_than_max_frames_are_cut():
    frames = random_frames(np.random.default_rng(0), FRAME, 11)
    batch = frames_of(frame_record(frames))
    assert batch["num_frames"].tolist() == [8] and batch["rgb"].shape == (1, 8, 6)
    np.testing.assert_array_equal(batch["rgb"][0], frames["rgb"][:8])
    np.testing.assert_array_equal(batch["audio"][0], frames["audio"][:8])


def test_audioset_is_a_matter_of_the_spec():
    spec = FeatureSpec(("audio_embedding",), (128,), 527)
    frames = random_frames(np.random.default_rng(0), spec, 10)
    context = {"start_time_seconds": integers([30])}
    record = frame_record(frames, [0, 526], "--aE2O5G5WE", "video_id", context)
    batch = frames_of(record, spec=spec)
    np.testing.assert_array_equal(batch["audio_embedding"][0], frames["audio_embedding"])
    assert batch["id"].tolist() == [b"--aE2O5G5WE"] and batch["labels"].tolist() == [[0, 526]]
    assert sorted(batch) == ["audio_embedding", "id", "labels", "num_frames"]


def test_a_feature_that_ends_early_is_filled_with_the_code_nearest_to_zero():
    frames = random_frames(np.random.default_rng(0), FRAME, 6, 4)
    batch = frames_of(frame_record(frames), frame_record(random_frames(np.random.default_rng(1), FRAME, 8)))
    np.testing.assert_array_equal(batch["audio"][0, :4], frames["audio"])
    assert (batch["audio"][0, 4:6] == MISSING_BYTE).all() and MISSING_BYTE == 128
    assert not batch["audio"][0, 6:].any(), "past num_frames the bytes are zero"


def test_a_feature_longer_than_the_first_is_cut():
    frames = random_frames(np.random.default_rng(0), FRAME, 3, 7)
    batch = frames_of(frame_record(frames))
    assert batch["audio"].shape == (1, 3, 3)
    np.testing.assert_array_equal(batch["audio"][0], frames["audio"][:3])


def test_ids_are_found_under_either_key_within_one_batch():
    frames = random_frames(np.random.default_rng(0), FRAME, 2)
    records = [frame_record(frames, video_id=key, id_key=key) for key in ("id", "video_id", "id")]
    assert frames_of(*records)["id"].tolist() == [b"id", b"video_id", b"id"]
    means = {"mean_rgb": [0.0] * 6, "mean_audio": [0.0] * 3}
    records = [video_record(means, video_id=key, id_key=key) for key in ("video_id", "id")]
    assert parse_videos(tf.constant(records), VIDEO)["id"].numpy().tolist() == [b"video_id", b"id"]


def test_labels_keep_order_and_duplicates_and_are_padded_with_minus_one():
    frames = random_frames(np.random.default_rng(0), FRAME, 2)
    labels = frames_of(*[frame_record(frames, labels) for labels in ([7, 0, 7], [], [19])])["labels"]
    assert labels.dtype == np.int32 and labels.tolist() == [[7, 0, 7], [-1, -1, -1], [19, -1, -1]]


def test_without_any_label_there_is_no_column():
    assert frames_of(frame_record(random_frames(np.random.default_rng(0), FRAME, 2)))["labels"].shape == (1, 0)


@pytest.mark.parametrize("label", [20, -1, 2**40])
def test_a_label_outside_the_classes_stops_frame_and_video_level(label):
    frames = random_frames(np.random.default_rng(0), FRAME, 2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        frames_of(frame_record(frames, [3, label]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_videos(tf.constant([video_record({"mean_rgb": [0.0] * 6, "mean_audio": [0.0] * 3}, [label])]), VIDEO)
    assert "labels" not in frames_of(frame_record(frames, [3, label]), labelled=False)


@pytest.mark.parametrize("rows", [[b"abcde", b"abcde"], [b"abcdef", b"abcdefg"], [b"abcdef", b""]])
def test_a_frame_of_another_size_stops_the_run(rows):
    with pytest.raises(tf.errors.InvalidArgumentError):
        frames_of(frame_record({"rgb": rows, "audio": [b"abc"] * len(rows)}))


def test_a_missing_feature_and_another_layout_stop_the_run():
    frames = random_frames(np.random.default_rng(0), FRAME, 2)
    video = video_record({"mean_rgb": [0.0] * 6, "mean_audio": [0.0] * 3})
    for record in (frame_record({"rgb": frames["rgb"]}), video, b"no record at all"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            frames_of(record)
    for record in (frame_record(frames), video_record({"mean_rgb": [0.0] * 5, "mean_audio": [0.0] * 3})):
        with pytest.raises(tf.errors.InvalidArgumentError):
            parse_videos(tf.constant([record]), VIDEO)


def test_video_level_floats_are_what_was_written():
    random = np.random.default_rng(0)
    means = {"mean_rgb": random.normal(size=6).astype(np.float32), "mean_audio": np.array([-2, 1e-30, 3], np.float32)}
    batch = as_numpy(parse_videos(tf.constant([video_record(means, [4])]), VIDEO))
    assert sorted(batch) == ["id", "labels", "mean_audio", "mean_rgb"]
    for name, value in means.items():
        assert batch[name].dtype == np.float32 and batch[name][0].tobytes() == value.tobytes()
    assert "labels" not in parse_videos(tf.constant([video_record(means, [99])]), VIDEO, labelled=False)


def test_segments_come_in_order_of_first_appearance_with_their_ratings():
    frames = random_frames(np.random.default_rng(0), SEGMENT, 20)
    batch = segments_of(segment_record(frames, [(10, 3, 1.0), (0, 3, 0.0), (10, 5, 0.0)]))
    assert batch["id"].tolist() == [b"abcd:10", b"abcd:0"]
    assert batch["labels"].tolist() == [[3, -1, 5], [-1, 3, -1]]
    assert batch["label_scores"].tolist() == [[1, 0, 0], [0, 0, 0]] and batch["label_scores"].dtype == np.float32
    np.testing.assert_array_equal(batch["rgb"], [frames["rgb"][10:15], frames["rgb"][:5]])
    np.testing.assert_array_equal(batch["audio"], [frames["audio"][10:15], frames["audio"][:5]])


def test_of_two_ratings_of_a_class_in_a_segment_the_last_counts():
    frames = random_frames(np.random.default_rng(0), SEGMENT, 20)
    batch = segments_of(segment_record(frames, [(0, 3, 1.0), (5, 3, 1.0), (0, 3, 0.0), (0, 3, 1.0), (5, 3, 0.0)]))
    kept = [
        [(label, score) for label, score in zip(*pair, strict=True) if label >= 0]
        for pair in zip(batch["labels"].tolist(), batch["label_scores"].tolist(), strict=True)
    ]
    assert kept == [[(3, 1.0)], [(3, 0.0)]]


def test_segments_past_the_end_of_the_video_have_fewer_frames():
    frames = random_frames(np.random.default_rng(0), SEGMENT, 12)
    batch = segments_of(segment_record(frames, [(10, 0, 1.0), (15, 0, 1.0), (7, 0, 1.0), (11, 1, 1.0)]))
    assert batch["num_frames"].tolist() == [2, 0, 5, 1]
    np.testing.assert_array_equal(batch["rgb"][0, :2], frames["rgb"][10:])
    assert not batch["rgb"][0, 2:].any() and not batch["rgb"][1].any()


def test_segments_beyond_max_frames_are_read():
    spec = dataclasses.replace(SEGMENT, max_frames=10)
    frames = random_frames(np.random.default_rng(0), SEGMENT, 20)
    batch = segments_of(segment_record(frames, [(14, 0, 1.0)]), spec)
    np.testing.assert_array_equal(batch["rgb"][0], frames["rgb"][14:19])


@pytest.mark.parametrize("rating", [(0, 20, 1.0), (0, -1, 1.0), (-5, 0, 1.0)])
def test_a_rating_of_no_class_or_no_time_stops_the_run(rating):
    frames = random_frames(np.random.default_rng(0), SEGMENT, 12)
    with pytest.raises(tf.errors.InvalidArgumentError):
        segments_of(segment_record(frames, [(0, 3, 1.0), rating]))


@pytest.mark.parametrize("key", ["segment_start_times", "segment_labels", "segment_scores"])
def test_ratings_of_unlike_numbers_stop_the_run(key):
    frames = random_frames(np.random.default_rng(0), SEGMENT, 12)
    whole = segment_record(frames, [(0, 3, 1.0), (5, 4, 0.0), (5, 6, 1.0)])
    message = tf.train.SequenceExample.FromString(whole)
    feature = message.context.feature[key]
    values = feature.float_list.value if key == "segment_scores" else feature.int64_list.value
    del values[1:]
    with pytest.raises(tf.errors.InvalidArgumentError):
        segments_of(message.SerializeToString())


@pytest.mark.parametrize("seed", range(12))
def test_random_records_equal_their_plain_parse(seed):
    random = np.random.default_rng(seed)
    names = ("rgb", "audio", "third")[: random.integers(1, 4)]
    sizes = tuple(random.integers(1, 40, len(names)).tolist())
    frame = FeatureSpec(names, sizes, int(random.integers(1, 30)), max_frames=int(random.integers(1, 9)))
    for spec in (frame, dataclasses.replace(frame, level="video"), dataclasses.replace(frame, level="segment")):
        records = [random_record(random, spec, f"v{i}", ragged=seed % 2 == 0) for i in range(random.integers(1, 9))]
        expected = [example for record in records for example in plain_examples(record, spec)]
        if spec.level == "segment":
            parsed = [segments_of(record, spec) for record in records]
        else:
            parse = parse_frames if spec.level == "frame" else parse_videos
            parsed = [as_numpy(parse(tf.constant(records), spec))]
        rows = [(batch, row) for batch in parsed for row in range(len(batch["id"]))]
        assert len(rows) == len(expected)
        for (batch, row), example in zip(rows, expected, strict=True):
            assert_same_example(batch, row, example, spec)
