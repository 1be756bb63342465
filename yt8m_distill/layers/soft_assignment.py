"""Soft assignment of frames to clusters."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="yt8m_distill")
class SoftAssignment(keras.layers.Layer):
    """How much of every frame belongs to every cluster: `a[t] = mask[t] * softmax(batch_norm(x[t] W))`.

    Without batch norm the scores are `x[t] W + b`.

    Args:
      clusters: number of clusters.
      batch_norm: whether the scores are batch-normalised; otherwise they have a bias.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      mask: float (batch, frames), 1 for a frame and 0 for padding.
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      float32 (batch, frames, clusters), under every dtype policy. Rows of frames sum to 1, rows of padding are zero.

    Reference:
      Arandjelovic et al., "NetVLAD", CVPR 2016, equation 3; antoine77340/Youtube-8M-WILLOW, frame_level_models.
    """

    def __init__(self, clusters, batch_norm=True, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if clusters < 1:
            raise ValueError(f"clusters must be at least 1. Received: {clusters=}")
        self.clusters = clusters
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.supports_masking = True

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

    def call(self, inputs, mask, training=None):
        scores = ops.matmul(inputs, self.kernel)
        scores = self.bn(scores, mask=mask, training=training) if self.batch_norm else scores + self.bias
        return ops.softmax(ops.cast(scores, "float32"), axis=-1) * ops.cast(mask, "float32")[:, :, None]

    def compute_mask(self, inputs, previous_mask=None):
        """None: the mask goes no further than this layer, whose followers are given their own."""

    def compute_output_shape(self, input_shape, mask_shape=None):
        return (*input_shape[:-1], self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }
