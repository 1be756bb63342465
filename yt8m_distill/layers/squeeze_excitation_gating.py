"""Context gating through a bottleneck."""

import keras

from yt8m_distill.layers.batch_normalization import BatchNormalization


@keras.saving.register_keras_serializable(package="yt8m_distill")
class SqueezeExcitationGating(keras.layers.Layer):
    """Multiplies every unit by a gate computed from all of them: `x * sigmoid(relu(batch_norm(x W1)) W2)`.

    Args:
      reduction: the bottleneck has `size // reduction` units, at least one.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, size).
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      As the input.

    Reference:
      Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018; used by NeXtVLAD (Lin et al., 2018, section 3.3).
    """

    def __init__(self, reduction=8, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        if reduction < 1:
            raise ValueError(f"reduction must be at least 1. Received: {reduction=}")
        self.reduction = reduction
        self.momentum = momentum

    def build(self, input_shape):
        size = input_shape[-1]
        squeezed = max(size // self.reduction, 1)
        options = {"use_bias": False, "kernel_initializer": "he_normal", "dtype": self.dtype_policy}
        self.squeeze = keras.layers.Dense(squeezed, name="squeeze", **options)
        self.squeeze.build(input_shape)
        self.squeeze_bn = BatchNormalization(self.momentum, dtype=self.dtype_policy, name="squeeze_bn")
        self.squeeze_bn.build((input_shape[0], squeezed))
        self.excite = keras.layers.Dense(size, activation="sigmoid", name="excite", **options)
        self.excite.build((input_shape[0], squeezed))

    def call(self, inputs, training=None):
        squeezed = keras.ops.relu(self.squeeze_bn(self.squeeze(inputs), training=training))
        return inputs * self.excite(squeezed)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction, "momentum": self.momentum}
