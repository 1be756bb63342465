"""Fisher-vector aggregation of one stream of frames."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.l2_normalization import inverse_norm
from yt8m_distill.layers.light_vlad import cluster_sums, intra_normalize
from yt8m_distill.layers.soft_assignment import SoftAssignment

_SMALLEST_DEVIATION = 1e-6


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FisherVector(keras.layers.Layer):
    """First and second moments of the frames about learned centres, by soft assignment.

    With the deviations `s = covariance^2 + 1e-6` and the mass `n[k] = sum_t a[t, k]`:

    ```
    a[t, k]  = mask[t] * softmax_k(batch_norm(x[t] W))     see `SoftAssignment`
    first    = sum_t a (x - c) / s
    second   = sum_t a ((x - c)^2 / s^2 - 1)
    y        = [l2(flatten(l2_over_f(first))), l2(flatten(second))]     f-major: [f, k] at f * clusters + k
    ```

    As in the reference the second moments are not normalised cluster by cluster, and no weight or number of frames
    divides either half.

    Args:
      clusters: number of centres.
      couple_weights: whether the centres are `coupling_factor * W` rather than weights of their own.
      coupling_factor: see `couple_weights`.
      batch_norm: whether the assignment's scores are batch-normalised; otherwise they have a bias.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      (batch, 2 * size * clusters) in the compute dtype. Padded frames and the order of the frames change nothing; a
      video without frames gives zero.

    Reference:
      Perronnin and Dance, "Fisher Kernels on Visual Vocabularies for Image Categorization", CVPR 2007; Miech et al.,
      "Learnable pooling with Context Gating for video classification", 2017; antoine77340/Youtube-8M-WILLOW,
      frame_level_models.NetFV. Unlike the reference it leaves padding out.
    """

    def __init__(self, clusters, couple_weights=True, coupling_factor=0.01, batch_norm=True, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        self.clusters = clusters
        self.couple_weights = couple_weights
        self.coupling_factor = coupling_factor
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.assignment = SoftAssignment(clusters, batch_norm, momentum, dtype=self.dtype_policy, name="assignment")

    def build(self, input_shape):
        self.assignment.build(input_shape)
        shape = (input_shape[-1], self.clusters)
        deviation = input_shape[-1] ** -0.5
        around_one = keras.initializers.RandomNormal(mean=1.0, stddev=deviation)
        self.covariance = self.add_weight(shape, around_one, autocast=False, name="covariance")
        if not self.couple_weights:
            normal = keras.initializers.RandomNormal(stddev=deviation)
            self.centres = self.add_weight(shape, normal, autocast=False, name="centres")

    def call(self, inputs, num_frames, training=None):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        first, second = self._moments(inputs, self.assignment(inputs, mask, training=training))
        second = ops.reshape(second, (ops.shape(second)[0], second.shape[1] * second.shape[2]))
        second = second * inverse_norm(ops.sum(ops.square(second), axis=-1, keepdims=True))
        return ops.cast(ops.concatenate([intra_normalize(first), second], axis=-1), self.compute_dtype)

    def _moments(self, inputs, assignment):
        """Both moments before their norms: float32 (batch, size, clusters) each."""
        precision = 1.0 / (ops.square(self.covariance) + _SMALLEST_DEVIATION)
        centres = self._centres()
        mass = ops.sum(assignment, axis=1)[:, None, :]
        sums = cluster_sums(inputs, assignment)
        residuals = sums - mass * centres
        # sum a (x - c)^2 = sum a x^2 - c (sum a x + sum a (x - c))
        exact = ops.cast(inputs, "float32") if self.compute_dtype == "float16" else inputs  # their sum may pass 65504
        squares = cluster_sums(ops.square(exact), assignment) - centres * (sums + residuals)
        return residuals * precision, squares * ops.square(precision) - mass

    def _centres(self):
        if self.couple_weights:
            return self.coupling_factor * ops.cast(self.assignment.kernel, "float32")
        return self.centres

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], 2 * input_shape[-1] * self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "couple_weights": self.couple_weights,
            "coupling_factor": self.coupling_factor,
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }
