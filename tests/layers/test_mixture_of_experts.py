import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts

X = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")


def test_columns_are_class_major_and_the_last_gate_is_the_dummy():
    layer = MixtureOfExperts(num_classes=3, num_mixtures=2)
    outputs = ops.convert_to_numpy(layer(X))
    gates = X @ ops.convert_to_numpy(layer.gates.kernel)
    experts = 1 / (1 + np.exp(-X @ ops.convert_to_numpy(layer.experts.kernel)))
    for v in range(3):
        weights = np.exp(gates[:, 3 * v : 3 * v + 3])
        weights /= weights.sum(axis=1, keepdims=True)
        expected = weights[:, 0] * experts[:, 2 * v] + weights[:, 1] * experts[:, 2 * v + 1]
        np.testing.assert_allclose(outputs[:, v], expected, atol=1e-6)


def test_the_penalty_is_half_the_squares_of_both_matrices():
    layer = MixtureOfExperts(num_classes=3, l2_penalty=0.1)
    layer(X)
    squares = sum(float(ops.sum(ops.square(kernel))) for kernel in (layer.gates.kernel, layer.experts.kernel))
    assert float(sum(layer.losses)) == pytest.approx(0.05 * squares, rel=1e-5)


def test_predictions_are_float32_under_mixed_precision():
    layer = MixtureOfExperts(num_classes=3, dtype="mixed_float16")
    assert keras.backend.standardize_dtype(layer(X).dtype) == "float32"


def test_every_expert_begins_around_the_initial_probability():
    layer = MixtureOfExperts(num_classes=3, num_mixtures=2, initial_probability=0.003)
    # Three equal gates, one of which says "absent".
    np.testing.assert_allclose(ops.convert_to_numpy(layer(np.zeros((1, 4), "float32"))), 0.002, rtol=1e-4)


def test_gates_of_low_rank_are_a_product_of_two_matrices():
    layer, full = MixtureOfExperts(num_classes=3, low_rank=2), MixtureOfExperts(num_classes=3)
    layer(X), full(X)
    full.gates.kernel.assign(ops.matmul(layer.reduce.kernel, layer.gates.kernel))
    full.experts.kernel.assign(layer.experts.kernel)
    assert layer.gates.kernel.shape == (2, 9)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), ops.convert_to_numpy(full(X)), atol=1e-6)
