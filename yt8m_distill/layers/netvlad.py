"""NetVLAD aggregation of one stream of frames."""

import keras
from keras import ops

from yt8m_distill.layers.light_vlad import LightVLAD, cluster_sums


@keras.saving.register_keras_serializable(package="yt8m_distill")
class NetVLAD(LightVLAD):
    """Sums of the frames' residuals to learned centres, by soft assignment.

    ```
    a[t, k] = mask[t] * softmax_k(batch_norm(x[t] W))      see `SoftAssignment`
    v[f, k] = sum_t a[t, k] (x[t, f] - c[f, k])
    y       = l2(flatten(l2_over_f(v)))                    f-major: v[f, k] at f * clusters + k
    ```

    The sum is one matrix product less the centres times the clusters' mass: no residual is ever laid out.

    Args:
      clusters: number of centres.
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
      Arandjelovic et al., "NetVLAD: CNN architecture for weakly supervised place recognition", CVPR 2016, equation 4;
      antoine77340/Youtube-8M-WILLOW, frame_level_models.NetVLAD. Unlike the reference it leaves padding out.
    """

    def build(self, input_shape):
        super().build(input_shape)
        size = input_shape[-1]
        normal = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.centres = self.add_weight((size, self.clusters), normal, autocast=False, name="centres")

    def pool(self, inputs, assignment):
        mass = ops.sum(assignment, axis=1)[:, None, :]
        return cluster_sums(inputs, assignment) - mass * self.centres
