import keras
import numpy as np
import plain
import pytest
from keras import ops

from yt8m_distill.metrics.top_k import TopK, reduce_top_k


def as_arrays(reduced):
    return TopK(*(ops.convert_to_numpy(field) for field in reduced))


def test_scores_hits_and_classes_are_the_highest_ones_in_descending_order():
    reduced = as_arrays(reduce_top_k(np.array([[1, 0, 0, 1]]), np.array([[0.1, 0.9, 0.3, 0.5]]), top_k=3))
    np.testing.assert_allclose(reduced.scores, [[0.9, 0.5, 0.3]])
    np.testing.assert_array_equal(reduced.classes, [[1, 3, 2]])
    np.testing.assert_array_equal(reduced.hits, [[False, True, False]])
    np.testing.assert_array_equal(reduced.num_labels, [2])
    np.testing.assert_array_equal(reduced.positives, [[1, 0, 0, 1]])
    assert reduced.hit_at_1.tolist() == [0] and reduced.perr.tolist() == [0.5]


def test_equal_scores_are_ordered_by_class():
    reduced = as_arrays(reduce_top_k(np.zeros((1, 6)), np.array([[0.5, 0.7, 0.5, 0.7, 0.5, 0.5]]), top_k=4))
    np.testing.assert_array_equal(reduced.classes, [[1, 3, 0, 2]])


def test_k_is_the_number_of_classes_where_there_are_fewer():
    assert as_arrays(reduce_top_k(np.zeros((2, 3)), np.ones((2, 3)), top_k=20)).scores.shape == (2, 3)


@pytest.mark.parametrize("labels_in_one_video", [3, 31, 40, 100])
def test_perr_holds_for_videos_with_more_labels_than_are_kept(random_case, labels_in_one_video):
    labels, predictions = random_case(1, videos=6, classes=100, density=0.05)
    labels[2] = 0
    labels[2, -labels_in_one_video:] = 1
    reduced = as_arrays(reduce_top_k(labels, predictions, top_k=5))
    each = [plain.perr(labels[i : i + 1], predictions[i : i + 1]) for i in range(6)]
    np.testing.assert_allclose(reduced.perr, each, rtol=1e-6)


def test_perr_counts_only_scores_above_zero():
    reduced = as_arrays(reduce_top_k(np.array([[1, 1, 0]]), np.array([[0.4, 0.0, -1.0]]), top_k=3))
    assert reduced.perr.tolist() == [0.5]


def test_unrated_classes_leave_before_the_top_k_is_taken():
    labels, rated = np.array([[1, 0, 1, 1]]), np.array([[0, 1, 1, 0]])
    reduced = as_arrays(reduce_top_k(labels, np.array([[0.9, 0.2, 0.1, 0.8]]), top_k=3, rated=rated))
    np.testing.assert_array_equal(reduced.classes[0, :2], [1, 2])
    assert reduced.classes[0, 2] == -1 and not reduced.hits[0, 2]
    np.testing.assert_array_equal(reduced.positives, [[0, 0, 1, 0]])
    assert reduced.num_labels.tolist() == [1] and reduced.hit_at_1.tolist() == [0]


def test_a_nan_anywhere_in_a_row_shows_in_its_scores():
    predictions = np.full((2, 50), 0.5, np.float32)
    predictions[1, 49] = np.nan
    scores = as_arrays(reduce_top_k(np.zeros((2, 50)), predictions, top_k=2)).scores
    assert not np.isnan(scores[0]).any() and np.isnan(scores[1]).all()


def test_fields_of_parts_join_along_the_first_axis(random_case):
    labels, predictions = random_case(2)
    whole = as_arrays(reduce_top_k(labels, predictions))
    parts = [as_arrays(reduce_top_k(labels[rows], predictions[rows])) for rows in (slice(0, 13), slice(13, None))]
    for name in TopK._fields:
        joined = np.concatenate([getattr(part, name) for part in parts])
        expected = getattr(whole, name)
        np.testing.assert_array_equal(joined.sum(0, keepdims=True) if name == "positives" else joined, expected)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compiles with tf.function")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("density", [0.05, 0.6])
def test_a_compiled_step_returns_what_the_eager_one_does(random_case, compiled, density):
    import tensorflow as tf

    labels, predictions = random_case(3, classes=60, density=density)
    step = tf.function(reduce_top_k, jit_compile=compiled)
    if not compiled:  # batch size unknown, as in a last smaller batch
        step = step.get_concrete_function(tf.TensorSpec([None, 60]), tf.TensorSpec([None, 60]))
    reduced = step(tf.constant(labels), tf.constant(predictions))
    for name, actual, expected in zip(TopK._fields, reduced, reduce_top_k(labels, predictions), strict=True):
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-6, err_msg=name)
