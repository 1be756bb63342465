import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.lstm import LSTM

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 4)).astype("float32")
NUM_FRAMES = np.array([6, 2, 1], "int32")


def built(units=5, **options):
    layer = LSTM(units, **options)
    layer.build((None, None, 4))
    layer.bias.assign(RNG.normal(size=(4 * units,)))
    return layer


def run(layer, frames, num_frames):
    """Outputs, h and c as float32 arrays."""
    outputs, (h, c) = layer(frames, np.asarray(num_frames, "int32"))
    return [ops.convert_to_numpy(ops.cast(x, "float32")) for x in (outputs, h, c)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_lstm(layer, x, forget_bias=1.0):
    """The formulas of the class docstring for one video without padding, in float64: every h and every c."""
    weights = (layer.kernel, layer.recurrent_kernel, layer.bias)
    kernel, recurrent, bias = (ops.convert_to_numpy(w).astype("float64") for w in weights)
    h = c = np.zeros(layer.units)
    outputs, cells = [], []
    for row in x:
        i, j, f, o = np.split(row @ kernel + h @ recurrent + bias, 4)
        c = c * sigmoid(f + forget_bias) + sigmoid(i) * np.tanh(j)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
        cells.append(c)
    return np.array(outputs), np.array(cells)


@pytest.mark.parametrize("forget_bias", [1.0, 0.0])
def test_the_layer_computes_the_published_formulas(forget_bias):
    layer = built(forget_bias=forget_bias)
    outputs, h, c = run(layer, FRAMES, NUM_FRAMES)
    cells = ops.convert_to_numpy(layer(FRAMES, NUM_FRAMES, return_cells=True)[2])
    for row, count in enumerate(NUM_FRAMES):
        expected, expected_cells = plain_lstm(layer, FRAMES[row, :count], forget_bias)
        np.testing.assert_allclose(outputs[row, :count], expected, atol=1e-6)
        np.testing.assert_array_equal(outputs[row, count:], np.zeros((6 - count, 5)))
        np.testing.assert_allclose(h[row], expected[-1], atol=1e-6)
        np.testing.assert_allclose(c[row], expected_cells[-1], atol=1e-6)
        np.testing.assert_allclose(cells[row, :count], expected_cells, atol=1e-6)
        np.testing.assert_array_equal(cells[row, count:], np.zeros((6 - count, 5)))


@pytest.mark.parametrize(("num_frames", "rows"), [([0, 0, 0], 3), ([0, 0, 0], 0), ([], 4)])
def test_nothing_to_read_gives_the_state_zero(num_frames, rows):
    outputs, *states = run(built(), FRAMES[: len(num_frames), :rows], num_frames)
    assert tuple(outputs.shape) == (len(num_frames), min(rows, 6), 5)
    for state in states:
        np.testing.assert_array_equal(state, np.zeros((len(num_frames), 5)))


def test_output_shapes_are_what_compute_output_shape_says():
    outputs, states = built()(FRAMES, NUM_FRAMES)
    shapes = tuple(outputs.shape), tuple(tuple(state.shape) for state in states)
    assert built().compute_output_shape(FRAMES.shape) == shapes == ((3, 6, 5), ((3, 5), (3, 5)))


def test_states_stay_exact_in_half_precision():
    exact, half = built(units=64), LSTM(64, dtype="mixed_bfloat16")
    half.build((None, None, 4))
    half.set_weights(exact.get_weights())
    frames = RNG.normal(size=(2, 300, 4)).astype("float32")
    assert keras.backend.standardize_dtype(half(frames, np.array([300, 300]))[0].dtype) == "bfloat16"
    expected, actual = run(exact, frames, [300, 300])[2], run(half, frames, [300, 300])[2]
    np.testing.assert_allclose(actual, expected, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("units", [0, -1])
def test_units_must_be_positive(units):
    with pytest.raises(ValueError, match="units must be at least 1"):
        LSTM(units)
