import math

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.distillation.losses import prediction_loss, representation_loss

DISTANCES = ["kl", "bernoulli_kl", "squared_error", "cross_entropy"]


def _numpy(values):
    return ops.convert_to_numpy(values)


def test_representation_loss_is_the_squared_distance_of_each_video():
    teacher, student = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 4.0], [3.0, 0.0]])
    np.testing.assert_allclose(_numpy(representation_loss(teacher, student)), [1 + 4, 9])


def test_kl_is_the_divergence_of_normalised_scores():
    teacher, student = np.array([[0.6, 0.2], [0.5, 0.5]]), np.array([[0.3, 0.3], [0.9, 0.1]])
    first = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    second = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    np.testing.assert_allclose(_numpy(prediction_loss(teacher, student)), [first, second], rtol=1e-6)


def test_kl_is_zero_between_scores_of_the_same_proportions():
    scores = np.random.default_rng(0).random((3, 5))
    np.testing.assert_allclose(_numpy(prediction_loss(scores, 0.3 * scores)), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (
            "bernoulli_kl",
            0.8 * math.log(0.8 / 0.5)
            + 0.2 * math.log(0.2 / 0.5)
            + 0.1 * math.log(0.1 / 0.4)
            + 0.9 * math.log(0.9 / 0.6),
        ),
        ("squared_error", 0.3**2 + 0.3**2),
        ("cross_entropy", -(0.8 * math.log(0.5) + 0.2 * math.log(0.5) + 0.1 * math.log(0.4) + 0.9 * math.log(0.6))),
    ],
)
def test_each_class_is_a_yes_or_no(distance, expected):
    loss = prediction_loss(np.array([[0.8, 0.1]]), np.array([[0.5, 0.4]]), distance)
    np.testing.assert_allclose(_numpy(loss), [expected], rtol=1e-4)


def test_cross_entropy_of_one_label_a_video_has_no_term_for_the_other_classes():
    teacher, student = np.array([[0.7, 0.3]]), np.array([[0.4, 0.6]])
    expected = -(0.7 * math.log(0.4) + 0.3 * math.log(0.6))
    np.testing.assert_allclose(
        _numpy(prediction_loss(teacher, student, "cross_entropy", "softmax")), [expected], rtol=1e-6
    )


@pytest.mark.parametrize("distance", ["kl", "bernoulli_kl", "squared_error"])
def test_a_student_that_predicts_what_its_teacher_does_is_at_no_distance(distance):
    scores = np.random.default_rng(1).random((4, 6))
    np.testing.assert_allclose(_numpy(prediction_loss(scores, scores, distance)), 0, atol=1e-6)


def test_cross_entropy_is_the_divergence_up_to_what_the_student_cannot_change():
    random = np.random.default_rng(2)
    teacher, one, other = (random.uniform(0.1, 0.9, (4, 6)) for _ in range(3))
    differences = [
        _numpy(prediction_loss(teacher, one, d)) - _numpy(prediction_loss(teacher, other, d))
        for d in ("cross_entropy", "bernoulli_kl")
    ]
    np.testing.assert_allclose(*differences, rtol=1e-3)


@pytest.mark.parametrize(
    ("teacher", "student", "expected"),
    [
        ([[0.0, 1.0]], [[0.5, 0.5]], math.log(2)),  # the teacher rules a class out
        ([[0.0, 0.0]], [[0.5, 0.5]], 0.0),
        ([[0.0, 1.0]], [[0.0, 1.0]], 0.0),
    ],
)
def test_scores_of_zero_give_what_the_limit_gives(teacher, student, expected):
    np.testing.assert_allclose(_numpy(prediction_loss(np.array(teacher), np.array(student))), [expected], atol=1e-6)


@pytest.mark.parametrize("distance", ["kl", "bernoulli_kl", "cross_entropy"])
def test_a_class_that_the_student_rules_out_costs_much_and_stays_finite(distance):
    loss = float(prediction_loss(np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]]), distance)[0])
    assert 5 < loss < 100


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients with TensorFlow")
def test_gradients_are_finite_where_scores_are_zero_or_one(distance):
    import tensorflow as tf

    student = tf.Variable([[0.0, 1.0, 1e-20], [0.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(prediction_loss(np.array([[0.2, 0.0, 0.3], [0.1, 0.1, 0.1]]), student, distance))
    assert np.isfinite(tape.gradient(loss, student)).all()


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_batch_without_videos_has_no_distances(distance):
    nothing = np.zeros((0, 4))
    assert representation_loss(nothing, nothing).shape == (0,)
    assert prediction_loss(nothing, nothing, distance).shape == (0,)


def test_half_precision_is_summed_in_float32():
    teacher = np.full((1, 4000), 10, "float16")
    loss = representation_loss(teacher, np.zeros_like(teacher))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert _numpy(loss).tolist() == [400_000]


def test_an_unknown_distance_is_named():
    with pytest.raises(ValueError, match="distance='cosine'"):
        prediction_loss(np.ones((1, 2)), np.ones((1, 2)), "cosine")
