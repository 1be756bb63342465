import math

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.distillation.losses import prediction_loss, representation_loss


def test_representation_loss_is_the_mean_of_squared_distances():
    teacher, student = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 4.0], [3.0, 0.0]])
    assert float(representation_loss(teacher, student)) == pytest.approx((1 + 4 + 9) / 2)


def test_prediction_loss_is_the_divergence_of_normalised_scores():
    teacher, student = np.array([[0.6, 0.2], [0.5, 0.5]]), np.array([[0.3, 0.3], [0.9, 0.1]])
    first = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    second = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert float(prediction_loss(teacher, student)) == pytest.approx(first + second, rel=1e-6)
    assert float(prediction_loss(teacher, student, "mean")) == pytest.approx((first + second) / 2, rel=1e-6)


def test_prediction_loss_is_zero_between_scores_of_the_same_proportions():
    scores = np.random.default_rng(0).random((3, 5))
    np.testing.assert_allclose(prediction_loss(scores, 0.3 * scores), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("teacher", "student", "expected"),
    [
        ([[0.0, 1.0]], [[0.5, 0.5]], math.log(2)),  # the teacher rules a class out
        ([[0.0, 0.0]], [[0.5, 0.5]], 0.0),
        ([[0.0, 1.0]], [[0.0, 1.0]], 0.0),
    ],
)
def test_scores_of_zero_give_what_the_limit_gives(teacher, student, expected):
    assert float(prediction_loss(np.array(teacher), np.array(student))) == pytest.approx(expected, abs=1e-6)


def test_a_class_that_the_student_rules_out_costs_much_and_stays_finite():
    loss = float(prediction_loss(np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]])))
    assert 10 < loss < 100


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients with TensorFlow")
def test_gradients_are_finite_where_scores_are_zero():
    import tensorflow as tf

    student = tf.Variable([[0.0, 1.0, 1e-20], [0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = prediction_loss(np.array([[0.2, 0.0, 0.3], [0.1, 0.1, 0.1]]), student)
    assert np.isfinite(tape.gradient(loss, student)).all()


def test_a_batch_without_videos_costs_nothing():
    nothing = np.zeros((0, 4))
    assert float(representation_loss(nothing, nothing)) == 0
    assert float(prediction_loss(nothing, nothing, "mean")) == 0


def test_half_precision_is_summed_in_float32():
    teacher = np.full((1, 4000), 10, "float16")
    loss = representation_loss(teacher, np.zeros_like(teacher))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert float(loss) == 400_000
    assert ops.shape(loss) == ()


def test_an_unknown_reduction_is_named():
    with pytest.raises(ValueError, match="reduction='max'"):
        prediction_loss(np.ones((1, 2)), np.ones((1, 2)), "max")
