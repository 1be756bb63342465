"""The fully connected layer between an aggregated descriptor and the head."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization

_ACTIVATIONS = {"none": lambda x: x, "relu": ops.relu, "relu6": ops.relu6, "sigmoid": ops.sigmoid}
ACTIVATIONS = tuple(_ACTIVATIONS)


def activate(x, activation):
    """`x` through one of ACTIVATIONS, by name."""
    return _ACTIVATIONS[activation](x)


@keras.saving.register_keras_serializable(package="yt8m_distill")
class Hidden(keras.layers.Layer):
    """`activation(batch_norm(x W))`, or `activation(x W + b)` without batch norm.

    Args:
      units: width of the output.
      batch_norm: whether to batch-normalise; otherwise there is a bias.
      activation: none, relu, relu6 or sigmoid.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).
      deviation: standard deviation of the initial weights; None for He's, which suits inputs of unit variance. Inputs
        of unit length need a larger one.

    Call arguments:
      inputs: float (batch, size) or (batch, frames, size).
      mask: float (batch, frames), 1 for a frame and 0 for padding, whose rows then do not count for the moments.
      training: whether the batch norm uses the moments of this batch.

    Output shape:
      As the input with `units` as the last axis. Padded frames are transformed like others.
    """

    def __init__(self, units, batch_norm=True, activation="none", momentum=0.999, deviation=None, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1. Received: {units=}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}. Received: {activation=}")
        self.units = units
        self.batch_norm = batch_norm
        self.activation = activation
        self.momentum = momentum
        self.supports_masking = True
        self.deviation = deviation

    def build(self, input_shape):
        initializer = "he_normal" if self.deviation is None else keras.initializers.RandomNormal(stddev=self.deviation)
        self.dense = keras.layers.Dense(
            self.units,
            use_bias=not self.batch_norm,
            kernel_initializer=initializer,
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build(input_shape)
        if self.batch_norm:
            self.bn = BatchNormalization(self.momentum, dtype=self.dtype_policy, name="bn")
            self.bn.build((*input_shape[:-1], self.units))

    def call(self, inputs, mask=None, training=None):
        outputs = self.dense(inputs)
        if self.batch_norm:
            outputs = self.bn(outputs, mask=mask, training=training)
        return activate(outputs, self.activation)

    def compute_mask(self, inputs, previous_mask=None):
        """None: the mask goes no further than this layer, whose followers are given their own."""

    def compute_output_shape(self, input_shape, mask_shape=None):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "batch_norm": self.batch_norm,
            "activation": self.activation,
            "momentum": self.momentum,
            "deviation": self.deviation,
        }
