"""Gated recurrent units over the frames of a video."""

import keras
from keras import ops

from yt8m_distill.layers import recurrence


@keras.saving.register_keras_serializable(package="yt8m_distill")
class GRU(keras.layers.Layer):
    """`h = u h + (1 - u) tanh(x W_c + (r h) U_c + b_c)` with `[r, u] = sigmoid(x W_g + h U_g + b_g)`.

    The state starts at zero. The projections of all frames are one product, and the gradients of U_g and U_c are one
    each: the loop over the frames and the loop back hold one product with each of both. The state is float32 under
    every policy.

    Args:
      units: width of h.

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).

    Returns:
      (outputs, h): every h, (batch, frames, units), zero where a row is padding, and h after the last frame,
      (batch, units), zero for a video without frames. In the compute dtype. Padded frames change nothing.

    Reference:
      Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014; TensorFlow 1's GRUCell: the reset
      gate comes before the product, the gates' bias starts at 1.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1. Received: {units=}")
        self.units = units

    def build(self, input_shape):
        size = input_shape[-1]
        for name, columns, bias in (("gates", 2 * self.units, "ones"), ("candidate", self.units, "zeros")):
            for kind, rows in (("kernel", size), ("recurrent_kernel", self.units)):
                initializer = recurrence.kernel_initializer(size, self.units, columns)
                weight = self.add_weight((rows, columns), initializer, name=f"{name}_{kind}")
                setattr(self, f"{name}_{kind}", weight)
            setattr(self, f"{name}_bias", self.add_weight((columns,), bias, name=f"{name}_bias"))

    def call(self, inputs, num_frames):
        kernel = ops.concatenate([self.gates_kernel, self.candidate_kernel], axis=-1)
        bias = ops.concatenate([self.gates_bias, self.candidate_bias], axis=-1)
        states = _unroll(
            ops.matmul(recurrence.time_major(inputs), kernel) + bias,
            ops.copy(self.gates_recurrent_kernel),
            ops.copy(self.candidate_recurrent_kernel),
        )
        outputs = recurrence.outputs_of(states, num_frames, ops.shape(inputs)[1], self.compute_dtype)
        return outputs, recurrence.final_state(states, num_frames, self.compute_dtype)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (*input_shape[:2], self.units), (input_shape[0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@ops.custom_gradient
def _unroll(projected, gates_recurrent, candidate_recurrent):
    """h after every row, float32 (rows, batch, units), from `projected` (rows, batch, [r, u, candidate])."""
    states, gates = _forward(projected, gates_recurrent, candidate_recurrent)

    def gradient(*upstream_or_saved, upstream=None):
        upstream = upstream_or_saved[0] if upstream is None else upstream
        before = recurrence.shifted(states)
        rows = ops.concatenate([upstream, gates, before], axis=-1)
        through = _backward(rows, gates_recurrent, candidate_recurrent)
        units, dtype = candidate_recurrent.shape[0], projected.dtype
        return (
            ops.cast(through, dtype),
            recurrence.weight_gradient(before, through[:, :, : 2 * units], dtype),
            recurrence.weight_gradient(gates[:, :, :units] * before, through[:, :, 2 * units :], dtype),
        )

    return states, gradient


def _forward(projected, gates_recurrent, candidate_recurrent):
    """h and [r, u, candidate] of every row. One tensor goes in: `ops.scan` takes no two of unknown length."""
    batch, units = ops.shape(projected)[1], candidate_recurrent.shape[0]

    def step(state, row):
        h, _ = state
        gates = row[:, : 2 * units] + ops.matmul(ops.cast(h, row.dtype), gates_recurrent)
        r, u = ops.split(ops.sigmoid(ops.cast(gates, "float32")), 2, axis=-1)
        candidate = row[:, 2 * units :] + ops.matmul(ops.cast(r * h, row.dtype), candidate_recurrent)
        candidate = ops.tanh(ops.cast(candidate, "float32"))
        state = (u * h + (1 - u) * candidate, ops.concatenate([r, u, candidate], axis=-1))
        return state, state

    zeros = (ops.zeros((batch, units), "float32"), ops.zeros((batch, 3 * units), "float32"))
    return ops.scan(step, zeros, projected)[1]


def _backward(rows, gates_recurrent, candidate_recurrent):
    """Gradients of the sums [r, u, candidate] of every row, from rows of [gradient of h, r, u, candidate, h before]."""
    batch, units = ops.shape(rows)[1], candidate_recurrent.shape[0]
    gates_transposed, candidate_transposed = ops.transpose(gates_recurrent), ops.transpose(candidate_recurrent)

    def product(gradient, matrix):
        return ops.cast(ops.matmul(ops.cast(gradient, matrix.dtype), matrix), "float32")

    def step(state, row):
        dh, _ = state
        dh_here, r, u, candidate, h = ops.split(row, 5, axis=-1)
        dh = dh + dh_here
        d_candidate = dh * (1 - u) * (1 - ops.square(candidate))
        d_reset_h = product(d_candidate, candidate_transposed)
        d_gates = [d_reset_h * h * r * (1 - r), dh * (h - candidate) * u * (1 - u)]
        d_gates = ops.concatenate(d_gates, axis=-1)
        dh = dh * u + d_reset_h * r + product(d_gates, gates_transposed)
        state = (dh, ops.concatenate([d_gates, d_candidate], axis=-1))
        return state, state

    zeros = (ops.zeros((batch, units), "float32"), ops.zeros((batch, 3 * units), "float32"))
    return ops.scan(step, zeros, rows, reverse=True)[1][1]
