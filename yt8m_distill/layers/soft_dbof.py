"""Soft bag of frames: how much of a video belongs to every cluster."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.frame_maximum import frame_maximum
from yt8m_distill.layers.l2_normalization import L2Normalization
from yt8m_distill.layers.soft_assignment import SoftAssignment


@keras.saving.register_keras_serializable(package="yt8m_distill")
class SoftDBoF(keras.layers.Layer):
    """`y = l2(sum_t a[t])`, or `[l2(sum_t a[t]), l2(max_t a[t])]` with max pooling; a is `SoftAssignment`.

    Args:
      clusters: number of clusters.
      max_pool: whether the largest assignment to every cluster follows the sum.
      batch_norm: whether the scores are batch-normalised; otherwise they have a bias.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      (batch, clusters), with max pooling (batch, 2 * clusters), in the compute dtype. Padded frames change nothing; a
      video without frames gives zeros. The order of the frames does not matter.

    Reference:
      Miech et al., "Learnable pooling with Context Gating for video classification", 2017, section 3.1;
      antoine77340/Youtube-8M-WILLOW, frame_level_models.SoftDBoF, which counts padding.
    """

    def __init__(self, clusters, max_pool=False, batch_norm=True, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if clusters < 1:
            raise ValueError(f"clusters must be at least 1. Received: {clusters=}")
        self.clusters = clusters
        self.max_pool = max_pool
        self.batch_norm = batch_norm
        self.momentum = momentum

    def build(self, input_shape):
        self.assignment = SoftAssignment(
            self.clusters, self.batch_norm, self.momentum, dtype=self.dtype_policy, name="assignment"
        )
        self.assignment.build(input_shape)
        self.normalize = L2Normalization(dtype=self.dtype_policy, name="normalize")

    def call(self, inputs, num_frames, training=None):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        assignment = self.assignment(inputs, mask, training=training)
        pooled = [ops.sum(assignment, axis=1)]
        if self.max_pool:
            pooled.append(frame_maximum(assignment, 0.0))
        unit = [self.normalize(x) for x in pooled]
        return ops.cast(ops.concatenate(unit, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.clusters * (2 if self.max_pool else 1))

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "max_pool": self.max_pool,
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }
