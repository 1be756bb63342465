"""Attention pooling: frames averaged with weights that they earn."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.frame_maximum import frame_maximum
from yt8m_distill.layers.hidden import Hidden

# Below any score: what padding gets, and the largest score of no frames.
_LEAST = -1e9


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FrameAttention(keras.layers.Layer):
    """Weighted mean of projected frames; every head weighs the frames anew, for its own share of the units.

    ```
    v[t]    = relu6(batch_norm(x[t] V))                         (units), split into heads v[t, h]
    s[t]    = (tanh(x[t] P) * sigmoid(x[t] Q)) S                (heads)
    a[t, h] = exp(s[t, h]) / sum over the video's frames of exp(s[., h])
    y[h]    = sum_t a[t, h] v[t, h]
    ```

    Args:
      units: width of the output; a multiple of `heads`.
      heads: weightings of the frames.
      score_units: width of P and Q; 0 for the plain score `s[t] = x[t] S`.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      (batch, units) in the compute dtype. Padded frames get no weight and change nothing; a video without frames gives
      zeros. The order of the frames does not matter.

    Reference:
      Ilse et al., "Attention-based Deep Multiple Instance Learning", ICML 2018, equation 9, for the score;
      miha-skalic/youtube8mchallenge, devel_models.attention_frames_v0, for the rest: one head, the plain score, and
      weights for padding too.
    """

    def __init__(self, units, heads=1, score_units=128, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if min(units, heads) < 1 or units % heads:
            raise ValueError(f"units must be a multiple of heads, both at least 1. Received: {units=}, {heads=}")
        if score_units < 0:
            raise ValueError(f"score_units must not be negative. Received: {score_units=}")
        self.units = units
        self.heads = heads
        self.score_units = score_units
        self.momentum = momentum

    def build(self, input_shape):
        policy = self.dtype_policy
        self.project = Hidden(self.units, activation="relu6", momentum=self.momentum, dtype=policy, name="project")
        self.project.build(input_shape)
        scored_shape = input_shape
        if self.score_units:
            scored_shape = (*input_shape[:-1], self.score_units)
            for name, activation in (("squash", "tanh"), ("gate", "sigmoid")):
                layer = keras.layers.Dense(
                    self.score_units, activation=activation, use_bias=False, dtype=policy, name=name
                )
                layer.build(input_shape)
                setattr(self, name, layer)
        self.score = keras.layers.Dense(self.heads, use_bias=False, dtype=policy, name="score")
        self.score.build(scored_shape)

    def call(self, inputs, num_frames, training=None):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        values = self.project(inputs, mask=mask, training=training)
        pooled = ops.matmul(ops.cast(self.weigh(inputs, mask), values.dtype), values)
        # Every head has pooled the units of all heads: one product, and no copy of the values for the heads.
        batch, share = ops.shape(inputs)[0], self.units // self.heads
        pooled = ops.reshape(pooled, (batch, self.heads, self.heads, share))
        own = ops.eye(self.heads, dtype=pooled.dtype)[None, :, :, None]
        return ops.reshape(ops.sum(pooled * own, axis=1), (batch, self.units))

    def weigh(self, inputs, mask):
        """The weights of the frames: float32 (batch, heads, frames), each row's sum 1, or 0 without frames."""
        scored = self.squash(inputs) * self.gate(inputs) if self.score_units else inputs
        mask = mask[:, :, None]
        scores = ops.cast(self.score(scored), "float32") * mask + _LEAST * (1.0 - mask)
        largest = ops.stop_gradient(frame_maximum(scores, _LEAST))
        weights = ops.exp(scores - largest[:, None, :]) * mask
        # The largest score weighs 1, so that only the sum of no frames is less.
        weights = weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1.0)
        return ops.transpose(weights, (0, 2, 1))

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "heads": self.heads,
            "score_units": self.score_units,
            "momentum": self.momentum,
        }
