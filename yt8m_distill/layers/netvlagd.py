"""Gated VLAD: a learned gate on every value of every cluster, in place of centres."""

import keras
from keras import ops

from yt8m_distill.layers.light_vlad import LightVLAD, cluster_sums


@keras.saving.register_keras_serializable(package="yt8m_distill")
class NetVLAGD(LightVLAD):
    """Sums of the frames by soft assignment, each value of each cluster times a learned gate.

    ```
    a[t, k] = mask[t] * softmax_k(batch_norm(x[t] W))      see `SoftAssignment`
    v[f, k] = sigmoid(g[k, f]) * sum_t a[t, k] x[t, f]
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
      antoine77340/Youtube-8M-WILLOW, frame_level_models.NetVLAGD. Unlike the reference it leaves padding out and,
      without batch norm, adds the bias: the reference creates one and forgets it.
    """

    def build(self, input_shape):
        super().build(input_shape)
        size = input_shape[-1]
        normal = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.gates = self.add_weight((self.clusters, size), normal, autocast=False, name="gates")

    def pool(self, inputs, assignment):
        return cluster_sums(inputs, assignment) * ops.sigmoid(ops.transpose(self.gates))
