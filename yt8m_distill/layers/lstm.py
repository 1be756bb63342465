"""Long short-term memory over the frames of a video."""

import keras
import numpy as np
from keras import ops

from yt8m_distill.layers import recurrence


@keras.saving.register_keras_serializable(package="yt8m_distill")
class LSTM(keras.layers.Layer):
    """`c = c sigmoid(f + forget_bias) + sigmoid(i) tanh(j)`, `h = sigmoid(o) tanh(c)`, `[i, j, f, o] = x W + h U + b`.

    Both states start at zero. The projection `x W` of all frames is one product, and the gradient of U is one too: the
    loop over the frames and the loop back hold one product with U each. The states are float32 under every policy,
    since c sums over all frames.

    Args:
      units: width of h and of c.
      forget_bias: added to the forget gate's argument, so it is not part of the stored bias.

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      return_cells: whether every c is returned too.

    Returns:
      (outputs, (h, c)): every h, (batch, frames, units), zero where a row is padding, and both states after the last
      frame, (batch, units) each, zero for a video without frames. In the compute dtype. Padded frames change nothing.
      With `return_cells` a third: every c, as every h.

    Reference:
      Hochreiter and Schmidhuber, "Long short-term memory", 1997; TensorFlow 1's BasicLSTMCell, whose kernel is
      `kernel` above `recurrent_kernel`.
    """

    def __init__(self, units, forget_bias=1.0, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1. Received: {units=}")
        self.units = units
        self.forget_bias = forget_bias

    def build(self, input_shape):
        size, columns = input_shape[-1], 4 * self.units
        for name, rows in (("kernel", size), ("recurrent_kernel", self.units)):
            initializer = recurrence.kernel_initializer(size, self.units, columns)
            setattr(self, name, self.add_weight((rows, columns), initializer, name=name))
        self.bias = self.add_weight((columns,), "zeros", name="bias")

    def call(self, inputs, num_frames, return_cells=False):
        forget = np.repeat([0, 0, self.forget_bias, 0], self.units).astype("float32")
        bias = self.bias + ops.cast(forget, self.compute_dtype)
        projected = ops.matmul(recurrence.time_major(inputs), self.kernel) + bias
        states = _unroll(projected, ops.copy(self.recurrent_kernel))
        options = (num_frames, ops.shape(inputs)[1], self.compute_dtype)
        outputs = recurrence.outputs_of(states[:, :, : self.units], *options)
        final = recurrence.final_state(states, num_frames, self.compute_dtype)
        final = (final[:, : self.units], final[:, self.units :])
        if not return_cells:
            return outputs, final
        return outputs, final, recurrence.outputs_of(states[:, :, self.units :], *options)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        state = (input_shape[0], self.units)
        return (*input_shape[:2], self.units), (state, state)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "forget_bias": self.forget_bias}


@ops.custom_gradient
def _unroll(projected, recurrent):
    """States [h, c] after every row, float32 (rows, batch, 2 * units), from `projected` (rows, batch, 4 * units)."""
    states, cells, gates = _forward(projected, recurrent)

    def gradient(*upstream_or_saved, upstream=None):
        upstream = upstream_or_saved[0] if upstream is None else upstream
        through = _backward(ops.concatenate([upstream, gates, recurrence.shifted(cells)], axis=-1), recurrent)
        recurrent_gradient = recurrence.weight_gradient(recurrence.shifted(states), through, recurrent.dtype)
        return ops.cast(through, projected.dtype), recurrent_gradient

    return ops.concatenate([states, cells], axis=-1), gradient


def _forward(projected, recurrent):
    """h, c and [i, tanh j, f, o] of every row. One tensor goes in: `ops.scan` takes no two of unknown length."""
    batch, units = ops.shape(projected)[1], recurrent.shape[0]
    zeros = ops.zeros((batch, units), "float32")

    def step(state, row):
        h, c, _ = state
        sums = row + ops.matmul(ops.cast(h, row.dtype), recurrent)
        i, j, f, o = ops.split(ops.cast(sums, "float32"), 4, axis=-1)
        i, j, f, o = ops.sigmoid(i), ops.tanh(j), ops.sigmoid(f), ops.sigmoid(o)
        c = c * f + i * j
        state = (o * ops.tanh(c), c, ops.concatenate([i, j, f, o], axis=-1))
        return state, state

    return ops.scan(step, (zeros, zeros, ops.zeros((batch, 4 * units), "float32")), projected)[1]


def _backward(rows, recurrent):
    """Gradients of the sums of every row, from rows of [gradient of h, of c, gates, c before]."""
    batch, units = ops.shape(rows)[1], recurrent.shape[0]
    transposed = ops.transpose(recurrent)
    zeros = ops.zeros((batch, units), "float32")

    def step(state, row):
        dh, dc, _ = state
        dh_here, dc_here, i, j, f, o, c_before = ops.split(row, 7, axis=-1)
        tanh_c = ops.tanh(c_before * f + i * j)
        dh = dh + dh_here
        dc = dc + dc_here + dh * o * (1 - ops.square(tanh_c))
        gates = (dc * j * i * (1 - i), dc * i * (1 - ops.square(j)), dc * c_before * f * (1 - f))
        through = ops.concatenate([*gates, dh * tanh_c * o * (1 - o)], axis=-1)
        dh = ops.cast(ops.matmul(ops.cast(through, recurrent.dtype), transposed), "float32")
        state = (dh, dc * f, through)
        return state, state

    return ops.scan(step, (zeros, zeros, ops.zeros((batch, 4 * units), "float32")), rows, reverse=True)[1][2]
