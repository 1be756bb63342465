"""VLAD without centres, and the sums and norms that every VLAD shares."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.l2_normalization import inverse_norm
from yt8m_distill.layers.soft_assignment import SoftAssignment


def cluster_sums(inputs, assignment):
    """`v[f, k] = sum_t a[t, k] x[t, f]`: one matrix product a video, in the inputs' dtype.

    Args:
      inputs: float (batch, frames, size).
      assignment: float (batch, frames, clusters), zero where a frame is padding.

    Returns:
      float32 (batch, size, clusters).
    """
    # Not one einsum: its gradient transposes the frames, which are many times what is transposed here.
    sums = ops.matmul(ops.transpose(ops.cast(assignment, inputs.dtype), (0, 2, 1)), inputs)
    return ops.cast(ops.transpose(sums, (0, 2, 1)), "float32")


def intra_normalize(vlad):
    """Every cluster's vector at unit length, and then all of them together: `l2(flatten(l2_over_f(v)))`.

    Both norms come from one sum of squares, so that the descriptor is read and written once.

    Args:
      vlad: float32 (batch, size, clusters).

    Returns:
      float32 (batch, size * clusters), f-major: v[f, k] at f * clusters + k. Zero stays zero.
    """
    squares = ops.sum(ops.square(vlad), axis=1)
    scale = inverse_norm(squares)
    scale = scale * inverse_norm(ops.sum(squares * ops.square(scale), axis=-1, keepdims=True))
    return ops.reshape(vlad * scale[:, None, :], (ops.shape(vlad)[0], vlad.shape[1] * vlad.shape[2]))


@keras.saving.register_keras_serializable(package="yt8m_distill")
class LightVLAD(keras.layers.Layer):
    """Sums of the frames by soft assignment to clusters, without centres.

    ```
    a[t, k] = mask[t] * softmax_k(batch_norm(x[t] W))      see `SoftAssignment`
    v[f, k] = sum_t a[t, k] x[t, f]
    y       = l2(flatten(l2_over_f(v)))                    f-major: v[f, k] at f * clusters + k
    ```

    Args:
      clusters: number of clusters.
      batch_norm: whether the assignment's scores are batch-normalised; otherwise they have a bias.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      (batch, size * clusters) in the compute dtype. Padded frames and the order of the frames change nothing; a video
      without frames gives zero.

    Reference:
      Miech et al., "Learnable pooling with Context Gating for video classification", 2017 (there NetRVLAD);
      antoine77340/Youtube-8M-WILLOW, frame_level_models.LightVLAD. Unlike the reference it leaves padding out.
    """

    def __init__(self, clusters, batch_norm=True, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        self.clusters = clusters
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.assignment = SoftAssignment(clusters, batch_norm, momentum, dtype=self.dtype_policy, name="assignment")

    def build(self, input_shape):
        self.assignment.build(input_shape)

    def call(self, inputs, num_frames, training=None):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        assignment = self.assignment(inputs, mask, training=training)
        return ops.cast(intra_normalize(self.pool(inputs, assignment)), self.compute_dtype)

    def pool(self, inputs, assignment):
        """The descriptor before its norms: float32 (batch, size, clusters)."""
        return cluster_sums(inputs, assignment)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], input_shape[-1] * self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }
