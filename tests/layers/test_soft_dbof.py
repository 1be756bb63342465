import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.gated_dbof import GatedDBoF
from yt8m_distill.layers.soft_dbof import SoftDBoF

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 4)).astype("float32")
COUNTS = (6, 2, 0)


def built(layer):
    layer.build(FRAMES.shape)
    for weight in layer.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    return layer


def arrays(layer):
    return [ops.convert_to_numpy(weight) for weight in layer.weights]


def batch_norm(layer, x):
    gamma, beta, mean, variance = arrays(layer)[:4]
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def unit(x):
    return x / np.linalg.norm(x)


def assignment(layer, frames):
    """`SoftAssignment` of one video without padding."""
    scores = frames @ ops.convert_to_numpy(layer.kernel)
    scores = batch_norm(layer.bn, scores) if layer.batch_norm else scores + ops.convert_to_numpy(layer.bias)
    exponents = np.exp(scores)
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("options", [{"batch_norm": False}, {}, {"max_pool": True}])
def test_soft_dbof_sums_the_assignment_of_the_valid_frames(options):
    layer = built(SoftDBoF(5, **options))
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array(COUNTS)))
    assert layer.compute_output_shape(FRAMES.shape) == outputs.shape
    for row, count in enumerate(COUNTS[:2]):
        a = assignment(layer.assignment, FRAMES[row, :count])
        expected = [unit(a.sum(axis=0))] + ([unit(a.max(axis=0))] if layer.max_pool else [])
        np.testing.assert_allclose(outputs[row], np.concatenate(expected), atol=1e-6)
    np.testing.assert_array_equal(outputs[2], 0)


@pytest.mark.parametrize("batch_normalized", [True, False])
def test_gated_dbof_gates_the_sum_by_the_maximum(batch_normalized):
    layer = built(GatedDBoF(5, batch_normalized))
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array(COUNTS)))
    for row, count in enumerate(COUNTS[:2]):
        a = assignment(layer.assignment, FRAMES[row, :count])
        gates = unit(a.max(axis=0)) @ arrays(layer.reduce)[0] @ arrays(layer.gate)[0]
        gates = batch_norm(layer.gate_bn, gates) if batch_normalized else gates + arrays(layer.gate)[1]
        expected = unit(a.sum(axis=0) / (1 + np.exp(-gates)))
        np.testing.assert_allclose(outputs[row], expected, atol=1e-6)
    np.testing.assert_array_equal(outputs[2], 0)


@pytest.mark.parametrize("layer_class", [SoftDBoF, GatedDBoF])
def test_there_is_one_cluster_at_least(layer_class):
    with pytest.raises(ValueError, match="clusters must be at least 1"):
        layer_class(0)
