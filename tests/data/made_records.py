"""Records written by hand, and the same records read by plain Python, for the tests of the readers."""

import dataclasses

import numpy as np
import tensorflow as tf

from yt8m_distill.spec import MISSING_BYTE, SEGMENT_SIZE, FeatureSpec

FRAME = FeatureSpec(("rgb", "audio"), (6, 3), 20, max_frames=8)
SEGMENT = dataclasses.replace(FRAME, level="segment", max_frames=30)
VIDEO = FeatureSpec(("mean_rgb", "mean_audio"), (6, 3), 20, level="video")


def integers(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def floats(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def strings(values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def frame_record(frames, labels=(), video_id="abcd", id_key="id", context=None):
    """A frame-level record; `frames` is {name: uint8 (T, size)} or {name: list of byte strings}."""
    rows = {name: [strings([bytes(row)]) for row in value] for name, value in frames.items()}
    context = {id_key: strings([video_id.encode()]), "labels": integers(labels)} | (context or {})
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(
            feature_list={name: tf.train.FeatureList(feature=value) for name, value in rows.items()}
        ),
    ).SerializeToString()


def segment_record(frames, ratings, **options):
    """A segment-level record; `ratings` are (start, class, score)."""
    starts, labels, scores = zip(*ratings, strict=True) if ratings else ((), (), ())
    context = {
        "segment_start_times": integers(starts),
        "segment_labels": integers(labels),
        "segment_scores": floats(scores),
    }
    return frame_record(frames, context=context, **options)


def video_record(means, labels=(), video_id="abcd", id_key="id"):
    """A video-level record; `means` is {name: floats}."""
    values = {name: floats(value) for name, value in means.items()}
    context = {id_key: strings([video_id.encode()]), "labels": integers(labels)} | values
    return tf.train.Example(features=tf.train.Features(feature=context)).SerializeToString()


def random_frames(random, spec, *counts):
    """{name: uint8 (count, size)}; one count for all features, or one for each."""
    counts = counts * len(spec.names) if len(counts) == 1 else counts
    return {
        name: random.integers(0, 256, (count, size), np.uint8)
        for (name, size), count in zip(spec.size_by_name.items(), counts, strict=True)
    }


def random_record(random, spec, video_id, ragged=False):
    """A record of any length, labels in any number, the id under either key; `ragged`: features of unlike lengths."""
    labels = random.integers(0, spec.num_classes, random.integers(0, 6)).tolist()
    options = {"labels": labels, "video_id": video_id, "id_key": str(random.choice(["id", "video_id"]))}
    if spec.level == "video":
        means = {name: random.normal(size=size).astype(np.float32) for name, size in spec.size_by_name.items()}
        return video_record(means, **options)
    counts = random.integers(0, spec.max_frames + 5, len(spec.names) if ragged else 1).tolist()
    frames = random_frames(random, spec, *counts)
    if spec.level == "frame":
        return frame_record(frames, **options)
    ratings = [
        (
            int(random.integers(0, counts[0] + 1)),
            int(random.integers(0, spec.num_classes)),
            float(random.integers(0, 2)),
        )
        for _ in range(random.integers(1, 9))
    ]
    return segment_record(frames, ratings, **options)


def write_shard(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def write_shards(folder, records, shards):
    """Deals the records out over so many files."""
    return [write_shard(folder / f"part{index}.tfrecord", records[index::shards]) for index in range(shards)]


def plain_examples(record, spec):
    """What a record holds by the batch contract, read with protocol buffers and loops: a list of dicts of arrays."""
    if spec.level == "video":
        context = tf.train.Example.FromString(record).features.feature
        means = {name: np.array(context[name].float_list.value, np.float32) for name in spec.names}
        return [{**means, "labels": list(context["labels"].int64_list.value), "id": _plain_id(context)}]
    message = tf.train.SequenceExample.FromString(record)
    context = message.context.feature
    lists = {name: _plain_frames(message, name, size) for name, size in spec.size_by_name.items()}
    if spec.level == "frame":
        whole = _plain_window(lists, 0, spec.max_frames)
        return [{**whole, "labels": list(context["labels"].int64_list.value), "id": _plain_id(context)}]
    return _plain_segments(context, lists)


def _plain_id(context):
    return b"".join(context[key].bytes_list.value[0] for key in ("id", "video_id") if key in context)


def _plain_frames(message, name, size):
    rows = [frame.bytes_list.value[0] for frame in message.feature_lists.feature_list[name].feature]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, size)


def _plain_window(lists, start, length):
    """Frames start .. start + length of every feature, with as many rows as the first; missing ones hold 128."""
    first = next(iter(lists.values()))
    count = min(max(len(first) - start, 0), length)
    window = {"num_frames": count}
    for name, frames in lists.items():
        rows = np.full((count, frames.shape[1]), MISSING_BYTE, np.uint8)
        present = frames[start : start + count]
        rows[: len(present)] = present
        window[name] = rows
    return window


def _plain_segments(context, lists):
    starts, labels = (context[key].int64_list.value for key in ("segment_start_times", "segment_labels"))
    ratings = {}
    for start, label, score in zip(starts, labels, context["segment_scores"].float_list.value, strict=True):
        ratings.setdefault(start, {})[label] = score
    return [
        {
            **_plain_window(lists, start, SEGMENT_SIZE),
            "ratings": rated,
            "id": _plain_id(context) + f":{start}".encode(),
        }
        for start, rated in ratings.items()
    ]


def assert_same_example(batch, row, expected, spec):
    """Compares row `row` of a batch (NumPy arrays) with one of `plain_examples`; frames past its end must be zero."""
    assert batch["id"][row] == expected["id"]
    if "ratings" in expected:
        rated = zip(batch["labels"][row].tolist(), batch["label_scores"][row].tolist(), strict=True)
        assert sorted(pair for pair in rated if pair[0] >= 0) == sorted(expected["ratings"].items())
    elif "labels" in batch:
        labels = batch["labels"][row]
        assert labels[: len(expected["labels"])].tolist() == expected["labels"]
        assert (labels[len(expected["labels"]) :] == -1).all()
    if not spec.has_frames:
        for name in spec.names:
            np.testing.assert_array_equal(batch[name][row], expected[name])
        return
    count = expected["num_frames"]
    assert batch["num_frames"][row] == count
    for name in spec.names:
        assert batch[name].dtype == np.uint8
        np.testing.assert_array_equal(batch[name][row, :count], expected[name], err_msg=name)
        assert not batch[name][row, count:].any(), f"{name}: frames past the end are not zero"


def as_numpy(batch):
    return {key: value.numpy() for key, value in batch.items()}
