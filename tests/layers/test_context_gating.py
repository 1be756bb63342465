import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.context_gating import ContextGating

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def kernel(layer):
    return ops.convert_to_numpy(layer.kernel)


def test_every_unit_is_scaled_by_a_gate_of_all_units():
    layer = ContextGating()
    outputs = ops.convert_to_numpy(layer(X))
    np.testing.assert_allclose(outputs, X * sigmoid(X @ kernel(layer) / np.sqrt(1.001)), atol=1e-6)


def test_without_batch_norm_the_gates_have_a_bias():
    layer = ContextGating(batch_norm=False)
    layer.build(X.shape)
    layer.bias.assign([1.0, 2.0, 3.0, -4.0])
    expected = X * sigmoid(X @ kernel(layer) + np.array([1.0, 2.0, 3.0, -4.0]))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(X)), expected, atol=1e-6)


def test_a_unit_without_the_diagonal_does_not_see_itself():
    layer = ContextGating(batch_norm=False, remove_diag=True)
    layer.build(X.shape)
    changed = X.copy()
    changed[:, 2] += 5
    before, after = (ops.convert_to_numpy(layer.gates(x)) for x in (X, changed))
    np.testing.assert_allclose(before[:, 2], after[:, 2], atol=1e-5)
    assert (np.abs(before[:, 0] - after[:, 0]) > 1e-3).all()


def test_gates_may_see_another_source():
    source = np.random.default_rng(1).normal(size=(3, 6)).astype("float32")
    layer = ContextGating(batch_norm=False)
    outputs = ops.convert_to_numpy(layer(X, source))
    np.testing.assert_allclose(outputs, X * sigmoid(source @ kernel(layer)), atol=1e-6)


def test_the_diagonal_is_taken_away_times_the_inputs_whatever_the_source():
    source = np.random.default_rng(1).normal(size=(3, 6)).astype("float32")
    layer = ContextGating(batch_norm=False, remove_diag=True)
    outputs = ops.convert_to_numpy(layer(X, source))
    gates = source @ kernel(layer) - np.diagonal(kernel(layer)) * X
    np.testing.assert_allclose(outputs, X * sigmoid(gates), atol=1e-6)


def test_a_source_without_a_whole_diagonal_is_refused():
    with pytest.raises(ValueError, match="needs a source of 4 values or more"):
        ContextGating(remove_diag=True).build((None, 4), (None, 3))
