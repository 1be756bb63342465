"""NeXtVLAD aggregation of one stream of frames."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.l2_normalization import L2Normalization
from yt8m_distill.layers.light_vlad import cluster_sums


@keras.saving.register_keras_serializable(package="yt8m_distill")
class NeXtVLAD(keras.layers.Layer):
    """Frames widened, split into groups, and their residuals to learned centres summed by soft assignment.

    With `width = expansion * size / groups` and mask m (1 for a frame, 0 for padding), all sums over frames t and
    groups g:

    ```
    z[t]     = x[t] W + b                                   (expansion * size), split into groups z[t, g]
    a[t,g,k] = m[t] * sigmoid(z[t] w_g + b_g) * softmax_k(batch_norm(z[t] C))[g, k]
    v[f,k]   = sum a[t,g,k] (z[t,g,f] - c[f,k])
    y        = batch_norm(flatten(l2_over_f(v)))            f-major: v[f, k] at f * clusters + k
    ```

    Args:
      clusters: number of centres.
      groups: number of groups; must divide `expansion * size`.
      expansion: factor by which a frame is widened.
      momentum: decay of the batch norms' moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norms use the moments of this batch.

    Output shape:
      (batch, width * clusters) in the compute dtype. Padded frames change nothing, in training neither the moments
      nor the moving statistics; a video without frames gives `batch_norm(0)`. The order of the frames does not matter.

    Reference:
      Lin et al., "NeXtVLAD: An Efficient Neural Network to Aggregate Frame-level Features for Large-scale Video
      Classification", ECCV-W 2018, equations 4-6; linrongc/youtube-8m, nextvlad.NeXtVLAD.
    """

    def __init__(self, clusters, groups, expansion=2, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if min(clusters, groups, expansion) < 1:
            raise ValueError(f"All must be at least 1. Received: {clusters=}, {groups=}, {expansion=}")
        self.clusters = clusters
        self.groups = groups
        self.expansion = expansion
        self.momentum = momentum

    def build(self, input_shape):
        widened = self.expansion * input_shape[-1]
        if widened % self.groups:
            raise ValueError(
                f"groups must divide expansion * size. Received: groups={self.groups}, {self.expansion} * "
                f"{input_shape[-1]} = {widened}"
            )
        self.width = widened // self.groups
        policy = self.dtype_policy
        self.expand = keras.layers.Dense(widened, dtype=policy, name="expand")
        self.expand.build(input_shape)
        self.attention = keras.layers.Dense(self.groups, dtype=policy, name="attention")
        self.attention.build((*input_shape[:-1], widened))
        assignments = self.groups * self.clusters
        self.cluster_weights = self.add_weight((widened, assignments), "he_normal", name="cluster_weights")
        self.cluster_bn = BatchNormalization(self.momentum, dtype=policy, name="cluster_bn")
        self.cluster_bn.build((*input_shape[:-1], assignments))
        self.centres = self.add_weight((self.width, self.clusters), "he_normal", name="centres")
        self.normalize = L2Normalization(axis=1, dtype=policy, name="normalize")
        self.vlad_bn = BatchNormalization(self.momentum, dtype=policy, name="vlad_bn")
        self.vlad_bn.build((input_shape[0], self.width * self.clusters))

    def call(self, inputs, num_frames, training=None):
        return self.vlad_bn(self.aggregate(inputs, num_frames, training), training=training)

    def aggregate(self, inputs, num_frames, training=None):
        """The descriptor before its batch norm: unit vectors of every cluster, (batch, width * clusters)."""
        batch, frames, size = ops.shape(inputs)
        mask = frame_mask(num_frames, frames)
        x = ops.reshape(inputs, (batch * frames, size))
        z = self.expand(x)
        scores, attention = self._project(x, z)
        scores = ops.reshape(scores, (batch, frames, self.groups * self.clusters))
        assignment = self._assign(scores, attention, mask, training)
        # Never -1 for the batch: it cannot be told from the number of values where there is no frame at all.
        groups = ops.reshape(z, (batch, frames * self.groups, self.width))
        vlad = self.normalize(self._residuals(groups, assignment))
        return ops.reshape(vlad, (-1, self.width * self.clusters))

    def _project(self, x, z):
        """The clusters' scores and the attention's logits of every row: (rows, groups * clusters) and (rows, groups).

        Nothing bends between the expansion and these products: `(x W + b) C = x (W C) + b C`. That takes fewer
        multiply-adds where there are more rows than it takes to make `W C`; from twice as many on it is done.
        """
        size, widened = self.expand.kernel.shape
        if widened <= size:
            return self._from_widened(z)
        rows, least_rows = ops.shape(x)[0], 2 * size * widened // (widened - size)
        if isinstance(rows, int):
            return self._from_inputs(x) if rows >= least_rows else self._from_widened(z)
        return ops.cond(rows >= least_rows, lambda: self._from_inputs(x), lambda: self._from_widened(z))

    def _from_widened(self, z):
        return ops.matmul(z, self.cluster_weights), self.attention(z)

    def _from_inputs(self, x):
        kernel, bias = ops.copy(self.expand.kernel), ops.copy(self.expand.bias)
        weights = self.cluster_weights, self.attention.kernel
        scores, attention = (ops.matmul(x, ops.matmul(kernel, w)) + ops.matmul(bias, w) for w in weights)
        return scores, attention + self.attention.bias

    def _assign(self, scores, attention, mask, training):
        """Soft assignment of every group of every frame, weighted by attention: (batch, frames * groups, clusters)."""
        batch, frames = ops.shape(scores)[:2]
        scores = self.cluster_bn(scores, mask=mask, training=training)
        scores = ops.reshape(ops.cast(scores, "float32"), (batch, frames * self.groups, self.clusters))
        attention = ops.reshape(ops.sigmoid(ops.cast(attention, "float32")), (batch, frames, self.groups))
        attention = ops.reshape(attention * mask[:, :, None], (batch, frames * self.groups, 1))
        return ops.softmax(scores, axis=-1) * attention

    def _residuals(self, groups, assignment):
        """Sum of the weighted residuals to each centre: (batch, width, clusters), float32."""
        mass = ops.sum(assignment, axis=1, keepdims=True)
        return cluster_sums(groups, assignment) - mass * ops.cast(self.centres, "float32")

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.expansion * input_shape[-1] // self.groups * self.clusters)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "groups": self.groups,
            "expansion": self.expansion,
            "momentum": self.momentum,
        }
