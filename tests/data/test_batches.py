import numpy as np
import tensorflow as tf
from made_records import (
    FRAME,
    SEGMENT,
    VIDEO,
    frame_record,
    random_frames,
    random_record,
    segment_record,
    write_shard,
)

from yt8m_distill.data.batches import dense_labels, input_signature, model_inputs, multi_hot
from yt8m_distill.data.pipeline import read_batches


def test_multi_hot_counts_duplicates_once_and_padding_never():
    labels = tf.constant([[3, -1, 3, 0], [-1, -1, -1, -1], [-1, 4, -1, 2]], tf.int32)
    dense = multi_hot(labels, 5)
    assert dense.dtype == tf.float32
    assert dense.numpy().tolist() == [[1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 1]]


def test_multi_hot_writes_the_values_and_none_at_padding():
    labels = tf.constant([[3, -1, 1], [-1, 0, -1]], tf.int32)
    values = tf.constant([[0.25, 9, 0], [9, 1, 9]], tf.float32)
    assert multi_hot(labels, 4, values).numpy().tolist() == [[0, 0, 0, 0.25], [1, 0, 0, 0]]


def test_multi_hot_takes_batches_without_a_label_column_and_empty_batches():
    assert multi_hot(tf.zeros([2, 0], tf.int32), 3).numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert multi_hot(tf.zeros([0, 4], tf.int32), 3).shape == (0, 3)


def test_multi_hot_equals_loops():
    random = np.random.default_rng(0)
    labels = random.integers(-1, 30, (40, 7)).astype(np.int32)
    expected = np.zeros((40, 30), np.float32)
    for row, values in enumerate(labels):
        for label in values:
            if label >= 0:
                expected[row, label] = 1
    np.testing.assert_array_equal(multi_hot(tf.constant(labels), 30), expected)


def test_every_class_counts_unless_segments_are_rated(tmp_path):
    frames = random_frames(np.random.default_rng(0), SEGMENT, 20)
    shard = write_shard(tmp_path / "frames", [frame_record(frames, [2, 2, 5])])
    (batch,) = read_batches([shard], FRAME)
    labels, rated = dense_labels(batch, FRAME)
    assert rated is None and np.flatnonzero(labels[0]).tolist() == [2, 5]

    ratings = [(0, 2, 1.0), (5, 7, 0.0), (0, 4, 0.0), (0, 2, 0.0), (0, 4, 1.0)]
    shard = write_shard(tmp_path / "segments", [segment_record(frames, ratings)])
    (batch,) = read_batches([shard], SEGMENT)
    labels, rated = dense_labels(batch, SEGMENT)
    assert [np.flatnonzero(row).tolist() for row in labels.numpy()] == [[4], []]
    assert [np.flatnonzero(row).tolist() for row in rated.numpy()] == [[2, 4], [7]]


def test_a_model_sees_what_its_signature_says(tmp_path):
    random = np.random.default_rng(0)
    for spec in (FRAME, SEGMENT, VIDEO):
        shard = write_shard(tmp_path / spec.level, [random_record(random, spec, "a")])
        (batch,) = read_batches([shard], spec)
        inputs, signature = model_inputs(batch, spec), input_signature(spec)
        assert list(inputs) == list(signature)
        for name, expected in signature.items():
            assert expected.is_compatible_with(inputs[name]), name
