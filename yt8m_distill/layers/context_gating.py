"""Context gating: every unit scaled by a gate that sees all units."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="yt8m_distill")
class ContextGating(keras.layers.Layer):
    """`x * sigmoid(batch_norm(s W))`, with `s` the units `x` themselves or another source.

    Without batch norm the gates are `sigmoid(s W + b)`.

    Args:
      batch_norm: whether the gates are batch-normalised; otherwise they have a bias.
      remove_diag: leaves a unit's own value out of its gate: takes `diag(W) x` away. With another source, which
        does not hold that value, it is what the reference computes; the source must be as wide as the inputs.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, size).
      source: float (batch, source size); None for the inputs themselves.
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      As the inputs.

    Reference:
      Miech et al., "Learnable pooling with Context Gating for video classification", 2017, equation 6;
      antoine77340/Youtube-8M-WILLOW, context gating of the models and `moe_prob_gating` of MoeModel. Its gates without
      batch norm have a bias of the wrong size; here it has one value a unit.
    """

    def __init__(self, batch_norm=True, remove_diag=False, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        self.batch_norm = batch_norm
        self.remove_diag = remove_diag
        self.momentum = momentum

    def build(self, inputs_shape, source_shape=None):
        size, source = inputs_shape[-1], (source_shape or inputs_shape)[-1]
        if self.remove_diag and source < size:
            raise ValueError(f"remove_diag needs a source of {size} values or more. Received: {source_shape=}")
        normal = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.kernel = self.add_weight((source, size), normal, name="kernel")
        if self.batch_norm:
            self.bn = BatchNormalization(self.momentum, dtype=self.dtype_policy, name="bn")
            self.bn.build((inputs_shape[0], size))
        else:
            self.bias = self.add_weight((size,), "zeros", name="bias")

    def call(self, inputs, source=None, training=None):
        return inputs * ops.sigmoid(self.gates(inputs, source, training))

    def gates(self, inputs, source=None, training=None):
        """The gates before the sigmoid: (batch, size)."""
        gates = ops.matmul(inputs if source is None else source, self.kernel)
        if self.remove_diag:
            gates = gates - ops.diagonal(self.kernel) * inputs
        return self.bn(gates, training=training) if self.batch_norm else gates + self.bias

    def compute_output_shape(self, inputs_shape, source_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "batch_norm": self.batch_norm,
            "remove_diag": self.remove_diag,
            "momentum": self.momentum,
        }
