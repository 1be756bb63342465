"""A recurrence over clips that keeps their positions apart."""

import keras
from keras import ops

from yt8m_distill.layers import recurrence
from yt8m_distill.layers.clip_steps import clip_states, clip_steps


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FastGRU(keras.layers.Layer):
    """A GRU whose products are 1x1x1 convolutions and whose gates pass through a bottleneck.

    At every position, with c channels, the state `o[0] = x[0]` and for t = 1, 2, ...:

    ```
    r'   = relu(x[t] U_rx + o[t-1] U_ro)             c / reduction channels
    z'   = relu(x[t] U_zx + o[t-1] U_zo)
    r, z = sigmoid(r' W_r), sigmoid(z' W_z)          c channels
    v    = tanh(x[t] V_x + (r * o[t-1]) V_o)
    o[t] = (1 - z) * o[t-1] + z * v
    ```

    The paper's equation 3 writes both matrices of `v` as V_o; they are two (it calls V_* c x c matrices). There are no
    biases. What depends on the clips alone is one product for all of them, and so is the gradient of each weight: the
    loop over the clips and the loop back hold the products with the state alone. The state and the gates are float32
    under every policy.

    Args:
      reduction: the gates' bottlenecks have `channels // reduction` channels (at least one).

    Call arguments:
      inputs: float (batch, clips, positions, channels).
      num_frames: int (batch,), valid clips of each video.
      return_states: whether the states after every clip are returned too.

    Output shape:
      (batch, positions, channels) in the compute dtype: the state after each video's last clip. Padded clips change
      nothing; the state is zero for a video without clips. The order of the clips matters. With `return_states` a
      tuple: that, and the states (batch, clips, positions, channels), the last one again where a clip is padding.

    Reference:
      Zhu et al., "FASTER Recurrent Networks for Efficient Video Classification", AAAI 2020, equations 1, 3 and 4.
    """

    def __init__(self, reduction=4, **kwargs):
        super().__init__(**kwargs)
        if reduction < 1:
            raise ValueError(f"reduction must be at least 1. Received: {reduction=}")
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        narrow = max(channels // self.reduction, 1)

        def kernel(name, rows, columns):
            # Fan-in alone: matrices side by side in one array start as they would apart.
            return self.add_weight((rows, columns), "lecun_normal", name=name)

        self.input_kernel = kernel("input_kernel", channels, 2 * narrow + channels)  # U_rx, U_zx, V_x
        self.state_kernel = kernel("state_kernel", channels, 2 * narrow)  # U_ro, U_zo
        self.read_kernel = kernel("read_kernel", narrow, channels)  # W_r
        self.update_kernel = kernel("update_kernel", narrow, channels)  # W_z
        self.candidate_kernel = kernel("candidate_kernel", channels, channels)  # V_o

    def call(self, inputs, num_frames, return_states=False):
        first, clips, steps = clip_steps(inputs, num_frames)
        kernels = (self.state_kernel, self.read_kernel, self.update_kernel, self.candidate_kernel)
        # Tensors: TensorFlow looks for a variable's gradient elsewhere than for an argument's.
        kernels = [ops.cast(kernel, self.compute_dtype) for kernel in kernels]
        arguments = (first, ops.matmul(clips, self.input_kernel), steps[:, None], *kernels)
        states = _every_state(*arguments) if return_states else None
        last = states[-1] if return_states else _last_state(*arguments)
        batch, _, positions, channels = ops.shape(inputs)
        last = ops.cast(ops.reshape(last, (batch, positions, channels)), self.compute_dtype)
        return (last, clip_states(first, states, inputs, self.compute_dtype)) if return_states else last

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], *input_shape[2:])

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


@ops.custom_gradient
def _last_state(first, projected, steps, *kernels):
    """o after every row's `steps`, float32 (rows, channels), from o[0] and `projected` (steps, rows, [r', z', v])."""
    last, saved = _forward(first, projected, steps, *kernels)

    def gradient(*upstream_or_saved, upstream=None):
        upstream = upstream_or_saved[0] if upstream is None else upstream
        return _gradients(upstream, saved, projected.dtype, *kernels)

    return last, gradient


@ops.custom_gradient
def _every_state(first, projected, steps, *kernels):
    """As `_last_state`, after every step: float32 (steps, rows, channels)."""
    last, saved = _forward(first, projected, steps, *kernels)

    def gradient(*upstream_or_saved, upstream=None):
        upstream = upstream_or_saved[0] if upstream is None else upstream
        return _gradients(ops.zeros_like(last), ops.concatenate([saved, upstream], axis=-1), projected.dtype, *kernels)

    return ops.concatenate([saved[1:, :, : last.shape[-1]], last[None]], axis=0), gradient


def _gradients(d_last, saved, dtype, *kernels):
    """Gradients of the arguments of `_last_state`, from that of the last o and what `_parts` takes apart."""
    d_first, d_projected, d_gates = _backward(d_last, saved, *kernels)
    half, channels = kernels[1].shape
    before, r, _, _, narrow, *_ = _parts(saved, channels, half)
    return (
        d_first,
        ops.cast(d_projected, dtype),
        None,
        recurrence.weight_gradient(before, d_projected[:, :, : 2 * half], dtype),
        recurrence.weight_gradient(narrow[:, :, :half], d_gates[:, :, :channels], dtype),
        recurrence.weight_gradient(narrow[:, :, half:], d_gates[:, :, channels:], dtype),
        recurrence.weight_gradient(r * before, d_projected[:, :, 2 * half :], dtype),
    )


def _parts(saved, channels, half):
    """o before a step, r, z, v, [r', z'] and, where it is there, the gradient of o after the step, side by side."""
    edges = [channels, 2 * channels, 3 * channels, 4 * channels]
    end = 4 * channels + 2 * half
    return ops.split(saved, edges if saved.shape[-1] == end else [*edges, end], axis=-1)


def _forward(first, projected, steps, state_kernel, read_kernel, update_kernel, candidate_kernel):
    """The last o and, of every step, what `_parts` takes apart. z is 0 where a step is padding."""
    half, dtype = read_kernel.shape[0], projected.dtype

    def step(carried, row):
        o, number, _ = carried
        narrow = ops.relu(row[:, : 2 * half] + ops.matmul(ops.cast(o, dtype), state_kernel))
        r = ops.sigmoid(ops.cast(ops.matmul(narrow[:, :half], read_kernel), "float32"))
        z = ops.sigmoid(ops.cast(ops.matmul(narrow[:, half:], update_kernel), "float32"))
        z = ops.where(number < steps, z, 0.0)
        v = row[:, 2 * half :] + ops.matmul(ops.cast(r * o, dtype), candidate_kernel)
        v = ops.tanh(ops.cast(v, "float32"))
        saved = ops.concatenate([o, r, z, v, ops.cast(narrow, "float32")], axis=-1)
        carried = (o + z * (v - o), number + 1, saved)
        return carried, carried

    nothing = ops.zeros((ops.shape(first)[0], 4 * first.shape[-1] + 2 * half), "float32")
    (last, _, _), (_, _, saved) = ops.scan(step, (first, ops.zeros((), "int32"), nothing), projected)
    return last, saved


def _backward(upstream, saved, state_kernel, read_kernel, update_kernel, candidate_kernel):
    """Gradients of o[0] and, of every step, of the sums [r', z', v] and [r, z]."""
    channels, half, dtype = candidate_kernel.shape[0], read_kernel.shape[0], state_kernel.dtype
    kernels = (state_kernel, read_kernel, update_kernel, candidate_kernel)
    to_state, to_read, to_update, to_candidate = (ops.transpose(kernel) for kernel in kernels)

    def product(gradient, matrix):
        return ops.cast(ops.matmul(ops.cast(gradient, dtype), matrix), "float32")

    def step(carried, row):
        before, r, z, v, narrow, *d_here = _parts(row, channels, half)
        d_o = sum(d_here, start=carried[0])
        d_v = d_o * z * (1 - ops.square(v))
        d_read_o = product(d_v, to_candidate)
        d_r = d_read_o * before * r * (1 - r)
        d_z = d_o * (v - before) * z * (1 - z)
        d_narrow = ops.concatenate([product(d_r, to_read), product(d_z, to_update)], axis=-1)
        d_narrow = ops.where(narrow > 0, d_narrow, 0.0)
        d_o = d_o * (1 - z) + d_read_o * r + product(d_narrow, to_state)
        carried = (d_o, ops.concatenate([d_narrow, d_v], axis=-1), ops.concatenate([d_r, d_z], axis=-1))
        return carried, carried

    rows = ops.shape(upstream)[0]
    nothing = [ops.zeros((rows, columns), "float32") for columns in (2 * half + channels, 2 * channels)]
    (d_first, *_), (_, d_projected, d_gates) = ops.scan(step, (upstream, *nothing), saved, reverse=True)
    return d_first, d_projected, d_gates
