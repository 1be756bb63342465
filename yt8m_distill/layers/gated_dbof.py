"""Gated bag of frames: a soft bag of frames whose clusters are gated by what occurs in the video at all."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.frame_maximum import frame_maximum
from yt8m_distill.layers.l2_normalization import L2Normalization
from yt8m_distill.layers.soft_assignment import SoftAssignment


@keras.saving.register_keras_serializable(package="yt8m_distill")
class GatedDBoF(keras.layers.Layer):
    """`y = l2(sigmoid(batch_norm(l2(max_t a[t]) R C)) * sum_t a[t])`; a is `SoftAssignment`.

    R (clusters, size) and C (size, clusters) lead through a bottleneck of the frames' own size. Without batch norm the
    gates are `sigmoid(l2(max_t a[t]) R C + b)`.

    Args:
      clusters: number of clusters.
      batch_norm: whether scores and gates are batch-normalised; otherwise they have biases.
      momentum: decay of the batch norms' moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norms use the moments of this batch.

    Output shape:
      (batch, clusters) in the compute dtype. Padded frames change nothing; a video without frames gives zeros. The
      order of the frames does not matter.

    Reference:
      antoine77340/Youtube-8M-WILLOW, frame_level_models.GatedDBoF, which counts padding; used by Skalic and Austin,
      "Building a Size Constrained Predictive Model for Video Classification", ECCV-W 2018, table 4.
    """

    def __init__(self, clusters, batch_norm=True, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if clusters < 1:
            raise ValueError(f"clusters must be at least 1. Received: {clusters=}")
        self.clusters = clusters
        self.batch_norm = batch_norm
        self.momentum = momentum

    def build(self, input_shape):
        size, policy = input_shape[-1], self.dtype_policy
        self.assignment = SoftAssignment(self.clusters, self.batch_norm, self.momentum, dtype=policy, name="assignment")
        self.assignment.build(input_shape)
        self.normalize = L2Normalization(dtype=policy, name="normalize")
        self.reduce = keras.layers.Dense(size, use_bias=False, dtype=policy, name="reduce")
        self.reduce.build((input_shape[0], self.clusters))
        self.gate = keras.layers.Dense(self.clusters, use_bias=not self.batch_norm, dtype=policy, name="gate")
        self.gate.build((input_shape[0], size))
        if self.batch_norm:
            self.gate_bn = BatchNormalization(self.momentum, dtype=policy, name="gate_bn")
            self.gate_bn.build((input_shape[0], self.clusters))

    def call(self, inputs, num_frames, training=None):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        assignment = self.assignment(inputs, mask, training=training)
        gates = self.gate(self.reduce(self.normalize(frame_maximum(assignment, 0.0))))
        if self.batch_norm:
            gates = self.gate_bn(gates, training=training)
        gated = ops.sigmoid(ops.cast(gates, "float32")) * ops.sum(assignment, axis=1)
        return ops.cast(self.normalize(gated), self.compute_dtype)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }
