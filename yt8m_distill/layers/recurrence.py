"""What recurrent layers share: rows first in time, the state after the last frame, the rows of padding set to zero."""

import math

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask


def time_major(inputs):
    """`inputs` (batch, frames, size) as (rows, batch, size): all frames and, where there is none, one row of zeros.

    A loop over no row at all has no result to stack.
    """
    batch, frames, size = ops.shape(inputs)
    first_if_missing = ops.zeros((batch, 1, size), inputs.dtype)[:, frames:]
    return ops.transpose(ops.concatenate([inputs, first_if_missing], axis=1), (1, 0, 2))


def outputs_of(states, num_frames, frames, dtype):
    """States (rows, batch, units) of each row as outputs (batch, frames, units), zero from row `num_frames` on."""
    outputs = ops.cast(ops.transpose(states[:frames], (1, 0, 2)), dtype)
    return outputs * frame_mask(num_frames, frames, dtype)[:, :, None]


def final_state(states, num_frames, dtype):
    """The row of `states` (rows, batch, units) after the last frame: (batch, units), zero where there is none."""
    rows = ops.shape(states)[0]
    last = ops.minimum(ops.cast(num_frames, "int32"), rows) - 1
    is_last = ops.arange(rows, dtype="int32")[:, None] == last[None, :]
    return ops.cast(ops.sum(ops.where(is_last[:, :, None], states, ops.zeros_like(states)), axis=0), dtype)


def frames_read(rows, length=1):
    """int32 (rows,): how many frames of a video have been read after each row, where a row is `length` frames."""
    return length * (ops.arange(rows, dtype="int32") + 1)


def shifted(states):
    """`states` (rows, batch, units) before each row, from zero, instead of after it."""
    return ops.concatenate([ops.zeros_like(states[:1]), states[:-1]], axis=0)


def weight_gradient(inputs, gradients, dtype):
    """Sum over all rows and videos of `inputs^T gradients`: (inputs' units, gradients' units)."""
    return ops.einsum("tbi,tbo->io", ops.cast(inputs, dtype), ops.cast(gradients, dtype))


def kernel_initializer(size, units, columns):
    """Glorot's uniform range for `[x, h] kernel`, of which a kernel and a recurrent kernel are the two parts."""
    limit = math.sqrt(6 / (size + units + columns))
    return keras.initializers.RandomUniform(-limit, limit)
