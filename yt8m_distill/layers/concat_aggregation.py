"""A recurrence over clips that joins the state and the clip in one layer with batch norm."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.clip_steps import clip_states, clip_steps


@keras.saving.register_keras_serializable(package="yt8m_distill")
class ConcatAggregation(keras.layers.Layer):
    """At every position `o[0] = x[0]` and `o[t] = relu(batch_norm(o[t-1] W + x[t] U))`, with c x c matrices W and U.

    In training every step is normalised by its own moments: those of the valid clips t of the batch, all positions
    together. A step that only one row takes part in (the end of the longest video, with one position) therefore
    gives `relu(beta)`. After the last step the moving statistics move once, towards the steps' moments weighted by
    their clips, and in evaluation they serve every step. `x[t] U` is one product for all clips before the recurrence.
    The state and the batch norm are float32 under every policy.

    Args:
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, clips, positions, channels).
      num_frames: int (batch,), valid clips of each video.
      return_states: whether the states after every clip are returned too.
      training: whether the batch norm uses, and folds into its moving statistics, the moments of this batch.

    Output shape:
      (batch, positions, channels) in the compute dtype: the state after each video's last clip. Padded clips leave the
      state, the moments and the moving statistics as they are; the state is zero for a video without clips. The order
      of the clips matters. With `return_states` a tuple: that, and the states (batch, clips, positions, channels), the
      last one again where a clip is padding.

    Reference:
      Zhu et al., "FASTER Recurrent Networks for Efficient Video Classification", AAAI 2020, equation 5 ("Concat").
    """

    def __init__(self, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        channels = input_shape[-1]
        # Fan-in alone, and half of it: their sum has the variance that He et al. ask for before a ReLU.
        self.input_kernel = self.add_weight((channels, channels), "lecun_normal", name="input_kernel")
        self.state_kernel = self.add_weight((channels, channels), "lecun_normal", name="state_kernel")
        self.bn = BatchNormalization(self.momentum, dtype=self.dtype_policy, name="bn")
        self.bn.build((None, None, channels))

    def call(self, inputs, num_frames, training=None, return_states=False):
        first, clips, steps = clip_steps(inputs, num_frames)
        recur = self._normalised_by_step if training and self.trainable else self._normalised_by_statistics
        state, states = recur(first, ops.matmul(clips, self.input_kernel), steps)
        batch, _, positions, channels = ops.shape(inputs)
        last = ops.cast(ops.reshape(state, (batch, positions, channels)), self.compute_dtype)
        return (last, clip_states(first, states, inputs, self.compute_dtype)) if return_states else last

    def _normalised_by_statistics(self, first, projected, steps):
        """The last state and that of every step; the batch norm, the same at every step, goes into the products."""
        scale, shift = self.bn.scale_and_shift(projected)
        shifted = ops.cast(projected, "float32") * scale + shift
        kernel = ops.cast(ops.cast(self.state_kernel, "float32") * scale, self.compute_dtype)

        def step(carried, clips):
            state, number = carried
            sums = clips + ops.matmul(ops.cast(state, self.compute_dtype), kernel)
            joined = ops.cast(ops.relu(sums), "float32")
            carried = (ops.where(number < steps[:, None], joined, state), number + 1)
            return carried, carried

        start = (first, ops.zeros((), "int32"))
        (state, _), (states, _) = ops.scan(step, start, ops.cast(shifted, self.compute_dtype))
        return state, states

    def _normalised_by_step(self, first, projected, steps):
        """The last state and that of every step, normalised by its own moments, which the statistics then follow."""

        def step(carried, clips):
            state, number, count, means, variances = carried
            sums = clips + ops.matmul(ops.cast(state, self.compute_dtype), self.state_kernel)
            normalised, rows, mean, variance = self._normalise(ops.cast(sums, "float32"), number < steps[:, None])
            state = ops.where(number < steps[:, None], ops.relu(normalised), state)
            carried = (state, number + 1, count + rows, means + rows * mean, variances + rows * variance)
            return carried, carried

        none = ops.zeros((1, projected.shape[-1]), "float32")
        start = (first, ops.zeros((), "int32"), ops.zeros((), "float32"), none, none)
        (state, _, count, means, variances), (states, *_) = ops.scan(step, start, projected)
        self._follow(count, means, variances)
        return state, states

    def _normalise(self, sums, valid):
        """Batch norm of the rows of one step by the moments of its valid rows; their number, mean and variance."""
        weights = ops.transpose(ops.cast(valid, "float32"))
        rows = ops.sum(weights)
        weights = weights / ops.maximum(rows, 1.0)
        mean = ops.matmul(weights, sums)
        variance = ops.matmul(weights, ops.square(sums - mean))
        scale = self.bn.gamma * ops.rsqrt(variance + self.bn.epsilon)
        return (sums - mean) * scale + self.bn.beta, rows, mean, variance

    def _follow(self, count, means, variances):
        """Moves the moving statistics towards the mean moments: two rows that have these moments do it."""
        mean, variance = (ops.stop_gradient(total) / ops.maximum(count, 1.0) for total in (means, variances))
        deviation = ops.sqrt(variance)
        rows = ops.stack([mean - deviation, mean + deviation], axis=1)
        mask = ops.ones((1, 2)) * ops.cast(count > 0, "float32")
        self.bn.scale_and_shift(rows, mask, training=True)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], *input_shape[2:])

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}
