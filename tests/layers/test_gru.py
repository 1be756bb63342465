import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.gru import GRU

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 4)).astype("float32")
NUM_FRAMES = np.array([6, 2, 1], "int32")


def built(units=5):
    layer = GRU(units)
    layer.build((None, None, 4))
    layer.candidate_bias.assign(RNG.normal(size=(units,)))
    return layer


def run(layer, frames, num_frames):
    """Outputs and h as arrays."""
    return [ops.convert_to_numpy(x) for x in layer(frames, np.asarray(num_frames, "int32"))]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_gru(layer, x):
    """The formulas of the class docstring for one video without padding, in float64: every h."""
    array = {name: ops.convert_to_numpy(w).astype("float64") for name, w in ((w.name, w) for w in layer.weights)}
    h = np.zeros(layer.units)
    outputs = []
    for row in x:
        gates = row @ array["gates_kernel"] + h @ array["gates_recurrent_kernel"] + array["gates_bias"]
        r, u = np.split(sigmoid(gates), 2)
        sums = row @ array["candidate_kernel"] + (r * h) @ array["candidate_recurrent_kernel"] + array["candidate_bias"]
        h = u * h + (1 - u) * np.tanh(sums)
        outputs.append(h)
    return np.array(outputs)


def test_the_layer_computes_the_published_formulas():
    layer = built()
    outputs, h = run(layer, FRAMES, NUM_FRAMES)
    for row, count in enumerate(NUM_FRAMES):
        expected = plain_gru(layer, FRAMES[row, :count])
        np.testing.assert_allclose(outputs[row, :count], expected, atol=1e-6)
        np.testing.assert_array_equal(outputs[row, count:], np.zeros((6 - count, 5)))
        np.testing.assert_allclose(h[row], expected[-1], atol=1e-6)


def test_gates_start_half_open():
    layer = GRU(5)
    layer.build((None, None, 4))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.gates_bias), np.ones(10))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.candidate_bias), np.zeros(5))


@pytest.mark.parametrize(("num_frames", "rows"), [([0, 0, 0], 3), ([0, 0, 0], 0), ([], 4)])
def test_nothing_to_read_gives_the_state_zero(num_frames, rows):
    outputs, h = run(built(), FRAMES[: len(num_frames), :rows], num_frames)
    assert tuple(outputs.shape) == (len(num_frames), min(rows, 6), 5)
    np.testing.assert_array_equal(h, np.zeros((len(num_frames), 5)))


def test_output_shapes_are_what_compute_output_shape_says():
    outputs, h = built()(FRAMES, NUM_FRAMES)
    assert built().compute_output_shape(FRAMES.shape) == (tuple(outputs.shape), tuple(h.shape)) == ((3, 6, 5), (3, 5))


@pytest.mark.parametrize("units", [0, -1])
def test_units_must_be_positive(units):
    with pytest.raises(ValueError, match="units must be at least 1"):
        GRU(units)
