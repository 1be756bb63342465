import math

import numpy as np
import pytest

from yt8m_distill.losses import LOSSES, cross_entropy, hinge, softmax_cross_entropy


def random_case(seed, videos=5, classes=7):
    generator = np.random.default_rng(seed)
    labels = (generator.random((videos, classes)) < 0.3).astype(np.float32)
    return labels, generator.random((videos, classes)).astype(np.float32)


def test_cross_entropy_equals_the_plain_sum():
    labels, predictions = random_case(0)
    expected = [
        -sum(math.log(p + 1e-5) if y else math.log(1 - p + 1e-5) for y, p in zip(truth, row, strict=True))
        for truth, row in zip(labels.tolist(), predictions.tolist(), strict=True)
    ]
    np.testing.assert_allclose(cross_entropy(labels, predictions), expected, rtol=1e-5)


def test_cross_entropy_weights_multiply_each_class():
    labels, predictions = random_case(1)
    one_class = np.zeros_like(labels)
    one_class[:, 2] = 3
    expected = 3 * np.asarray(cross_entropy(labels[:, 2:3], predictions[:, 2:3]))
    np.testing.assert_allclose(cross_entropy(labels, predictions, one_class), expected, rtol=1e-5)


def test_cross_entropy_is_finite_for_certain_predictions():
    loss = np.asarray(cross_entropy(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])))
    np.testing.assert_allclose(loss, [2 * -math.log(1e-5)], rtol=1e-4)


def test_cross_entropy_is_linear_in_the_labels():
    labels, predictions = random_case(2)
    soft = np.random.default_rng(3).random(labels.shape).astype(np.float32)
    mixed = 0.3 * np.asarray(cross_entropy(soft, predictions)) + 0.7 * np.asarray(cross_entropy(labels, predictions))
    np.testing.assert_allclose(cross_entropy(0.3 * soft + 0.7 * labels, predictions), mixed, rtol=1e-5)


def test_hinge_is_zero_beyond_the_margin_and_grows_with_it():
    labels = np.array([[1, 0]])
    np.testing.assert_allclose(hinge(labels, np.array([[1.5, -1.0]])), [0])
    np.testing.assert_allclose(hinge(labels, np.array([[0.2, 0.3]])), [0.8 + 1.3], rtol=1e-6)
    np.testing.assert_allclose(hinge(labels, np.array([[0.2, 0.3]]), b=0.5), [0.3 + 0.8], rtol=1e-6)


def test_softmax_shares_the_target_among_the_labels():
    labels, scores = np.array([[1, 1, 0]]), np.array([[2.0, 1.0, 0.5]])
    total = np.log(np.exp(scores).sum())
    np.testing.assert_allclose(softmax_cross_entropy(labels, scores), [total - 1.5], rtol=1e-6)


def test_softmax_of_a_video_without_labels_is_zero():
    np.testing.assert_array_equal(softmax_cross_entropy(np.zeros((1, 3)), np.ones((1, 3))), [0])


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "HingeLoss", "SoftmaxLoss"])
def test_losses_are_found_by_flag_value_and_give_one_float32_a_video(name):
    labels, predictions = random_case(4)
    loss = np.asarray(LOSSES[name](labels.astype(bool), predictions.astype(np.float16)))
    assert loss.shape == (5,) and loss.dtype == np.float32 and np.isfinite(loss).all()
