import numpy as np
import pytest
import tensorflow as tf
from made_records import FRAME, frame_record, integers, random_frames, random_record, strings, video_record

from yt8m_distill.data.record_layout import IrregularRecordError, record_layout
from yt8m_distill.data.records import parse_frames


def layout_of(record):
    return record_layout(record, 0, len(record))


def frames_of(record, run):
    return [record[run.first + t * run.stride :][: run.size] for t in range(run.count)]


def test_a_layout_says_where_the_frames_lie():
    frames = random_frames(np.random.default_rng(0), FRAME, 5)
    record = frame_record(frames, [3, 300, 2], "wxyz")
    layout = layout_of(record)
    assert layout.video_id == b"wxyz" and layout.labels == [3, 300, 2]
    for name, rows in frames.items():
        assert frames_of(record, layout.runs[name]) == [row.tobytes() for row in rows]


def test_frames_of_the_data_sets_sizes_lie_1033_and_137_bytes_apart():
    record = frame_record({"rgb": np.zeros((3, 1024), np.uint8), "audio": np.zeros((3, 128), np.uint8)})
    assert {name: run.stride for name, run in layout_of(record).runs.items()} == {"rgb": 1033, "audio": 137}


def test_places_are_counted_from_the_start_of_the_data():
    record = frame_record(random_frames(np.random.default_rng(0), FRAME, 2))
    alone, behind = layout_of(record), record_layout(b"12345" + record + b"678", 5, 5 + len(record))
    assert behind.runs["rgb"].first == alone.runs["rgb"].first + 5


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_byte_is_seen_or_changes_what_the_parser_reads_alike(seed):
    # What TensorFlow's parser reads is the truth; a layout may only be found where it reads the same.
    random = np.random.default_rng(seed)
    record = random_record(random, FRAME, "abcd", ragged=bool(seed % 2))
    agreed = 0
    for _ in range(100):
        damaged = bytearray(record)
        for _ in range(random.integers(1, 3)):
            damaged[random.integers(len(record))] = random.choice([0, 1, 10, 18, 26, 127, 128, 255])
        try:
            layout = layout_of(bytes(damaged))
        except IrregularRecordError:
            continue
        runs = [layout.runs.get(name) for name in FRAME.names]
        if any(run is None or (run.count and run.size != size) for run, size in zip(runs, FRAME.sizes, strict=True)):
            continue
        if any(label >= FRAME.num_classes for label in layout.labels):
            continue
        parsed = parse_frames(tf.constant([bytes(damaged)]), FRAME)
        assert parsed["labels"].numpy()[0].tolist() == layout.labels
        assert parsed["id"].numpy()[0] == layout.video_id
        present = min(runs[0].count, FRAME.max_frames)
        assert parsed["num_frames"].numpy()[0] == present
        first = frames_of(bytes(damaged), runs[0])[:present]
        assert [row.tobytes() for row in parsed["rgb"].numpy()[0]] == first
        agreed += 1
    assert agreed > 5


IRREGULAR = {
    "no record": b"no record at all",
    "nothing": b"",
    "an Example": video_record({"mean_rgb": [0.0] * 6}, [1]),
    "frames of two sizes": frame_record({"rgb": [b"abcdef", b"abc"], "audio": [b"abc"] * 2}),
    "an id of two strings": frame_record({"rgb": [b"abcdef"]}, context={"id": strings([b"a", b"b"])}),
    "labels that are strings": frame_record({"rgb": [b"abcdef"]}, context={"labels": strings([b"a"])}),
    "a negative label": frame_record({"rgb": [b"abcdef"]}, context={"labels": integers([-1])}),
    "two records in one": frame_record({"rgb": [b"abcdef"]}) * 2,
    "cut short": frame_record({"rgb": [b"abcdef"] * 3})[:-3],
}


@pytest.mark.parametrize("record", IRREGULAR.values(), ids=IRREGULAR)
def test_other_records_are_left_to_the_parser(record):
    with pytest.raises(IrregularRecordError):
        layout_of(record)
