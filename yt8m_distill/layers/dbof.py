"""Deep bag of frames: frames widened, normalised and pooled."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.frame_maximum import frame_maximum
from yt8m_distill.layers.hidden import ACTIVATIONS, activate

POOLINGS = ("max", "average")
# Below any score, and within float16: the maximum of no frames at all.
_LEAST = -6e4


@keras.saving.register_keras_serializable(package="yt8m_distill")
class DBoF(keras.layers.Layer):
    """`y[k] = pool_t activation(batch_norm(x[t] W))[k]` over the frames t of a video.

    Without batch norm the scores are `x[t] W + b`. The maximum is taken before the batch norm and the activation,
    neither of which changes which frame has it (of `-x W` where the batch norm's gamma is negative): no pass over
    (batch, frames, clusters) is made for them.

    Args:
      clusters: width of the output.
      pooling: max or average.
      activation: sigmoid, relu, relu6 or none.
      batch_norm: whether the scores are batch-normalised; otherwise they have a bias.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      (batch, clusters) in the compute dtype. Padded frames change nothing, in training neither the moments nor the
      moving statistics; a video without frames gives zeros. The order of the frames does not matter.

    Reference:
      Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016, section 5.1.2;
      google/youtube-8m, frame_level_models.DbofModel.
    """

    def __init__(self, clusters, pooling="max", activation="sigmoid", batch_norm=True, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if clusters < 1:
            raise ValueError(f"clusters must be at least 1. Received: {clusters=}")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}. Received: {pooling=}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}. Received: {activation=}")
        self.clusters = clusters
        self.pooling = pooling
        self.activation = activation
        self.batch_norm = batch_norm
        self.momentum = momentum

    def build(self, input_shape):
        size = input_shape[-1]
        normal = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.kernel = self.add_weight((size, self.clusters), normal, name="kernel")
        if self.batch_norm:
            self.bn = BatchNormalization(self.momentum, dtype=self.dtype_policy, name="bn")
            self.bn.build((*input_shape[:-1], self.clusters))
        else:
            normal = keras.initializers.RandomNormal(stddev=size**-0.5)
            self.bias = self.add_weight((self.clusters,), normal, name="bias")

    def call(self, inputs, num_frames, training=None):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        pool = self._maximum if self.pooling == "max" else self._average
        return ops.cast(pool(inputs, mask, training), self.compute_dtype)

    def _maximum(self, inputs, mask, training):
        # Padding repeats the first frame: it cannot win, and no mask of the size of the scores is needed.
        scores = ops.matmul(ops.where(mask[:, :, None] > 0, inputs, inputs[:, :1]), self.kernel)
        scale, shift = self._scale_and_shift(scores, mask, training)
        sign = ops.where(scale < 0, -1.0, 1.0)
        largest = frame_maximum(scores * ops.cast(sign, scores.dtype), _LEAST)
        pooled = activate(ops.cast(largest, "float32") * (sign * scale) + shift, self.activation)
        return pooled * ops.cast(ops.any(mask > 0, axis=1, keepdims=True), "float32")

    def _average(self, inputs, mask, training):
        scores = ops.matmul(inputs, self.kernel)
        scores = self.bn(scores, mask=mask, training=training) if self.batch_norm else scores + self.bias
        weights = mask / ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
        activated = activate(scores, self.activation)
        return ops.squeeze(ops.matmul(ops.cast(weights, activated.dtype)[:, None, :], activated), axis=1)

    def _scale_and_shift(self, scores, mask, training):
        if self.batch_norm:
            return self.bn.scale_and_shift(scores, mask, training)
        return ops.ones((self.clusters,)), ops.cast(self.bias, "float32")

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "pooling": self.pooling,
            "activation": self.activation,
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }
