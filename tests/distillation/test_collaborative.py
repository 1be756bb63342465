import math

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.distillation.collaborative import collaborative_loss
from yt8m_distill.losses import cross_entropy

RNG = np.random.default_rng(0)
MIXTURE, BRANCHES = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4))
LABELS = RNG.integers(0, 2, (3, 4))


def loss(*arguments, **options):
    return ops.convert_to_numpy(collaborative_loss(*arguments, **options))


def test_two_classes_by_hand():
    mixture, branches = np.array([[math.log(9.0), 0.0]]), np.array([[[0.0, 0.0]], [[math.log(9.0), 0.0]]])
    # At T = 2 the mixture is (3/4, 1/4), the first branch (1/2, 1/2), the second one the mixture.
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    from_labels = -(2 * math.log(0.5) + math.log(0.9) + math.log(0.5))
    actual = loss(mixture, branches, np.array([[1, 0]]), temperature=2.0, kl_weight=3.0)
    np.testing.assert_allclose(actual, [from_labels + 3 * divergence], rtol=1e-4)


def test_without_divergence_it_is_every_branchs_cross_entropy():
    expected = sum(ops.convert_to_numpy(cross_entropy(LABELS, 1 / (1 + np.exp(-branch)))) for branch in BRANCHES)
    np.testing.assert_allclose(loss(MIXTURE, BRANCHES, LABELS, kl_weight=0.0), expected, rtol=1e-5)


def test_a_branch_that_is_the_mixture_diverges_by_nothing():
    same = np.stack([MIXTURE, MIXTURE])
    weighted, plain = (loss(MIXTURE, same, LABELS, kl_weight=weight) for weight in (100.0, 0.0))
    np.testing.assert_allclose(weighted, plain, rtol=1e-6)


def test_the_divergence_has_no_factor_of_the_temperature():
    hot = loss(MIXTURE, BRANCHES, LABELS, temperature=4.0) - loss(MIXTURE, BRANCHES, LABELS, kl_weight=0.0)
    cool = loss(MIXTURE / 4, BRANCHES / 4, LABELS, temperature=1.0)
    np.testing.assert_allclose(hot, cool - loss(MIXTURE / 4, BRANCHES / 4, LABELS, kl_weight=0.0), atol=1e-5)


def test_classes_that_were_not_rated_do_not_count_for_the_labels():
    weights = np.array([[1, 1, 0, 0]] * 3)
    other = np.where(weights, LABELS, 1 - LABELS)
    options = {"label_weights": weights}
    np.testing.assert_array_equal(loss(MIXTURE, BRANCHES, LABELS, **options), loss(MIXTURE, BRANCHES, other, **options))


def test_extreme_logits_in_half_precision_stay_finite():
    mixture, branches = np.array([[60000.0, -60000.0]], "float16"), np.array([[[-60000.0, 60000.0]]], "float16")
    actual = loss(mixture, branches, np.array([[1, 0]]))
    assert actual.dtype == "float32" and np.isfinite(actual).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients with TensorFlow")
def test_the_mixture_learns_from_the_divergence_too():
    import tensorflow as tf

    mixture, branches = (tf.constant(x, "float32") for x in (MIXTURE, BRANCHES))
    with tf.GradientTape() as tape:
        tape.watch([mixture, branches])
        total = tf.reduce_sum(collaborative_loss(mixture, branches, LABELS))
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(total, [mixture, branches]))
