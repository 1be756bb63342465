"""Unit length, with zero left at zero."""

import keras
from keras import ops

_EPSILON = 1e-12


def inverse_norm(sum_of_squares):
    """`1 / sqrt(max(sum_of_squares, 1e-12))`: finite, with a gradient of zero, at the zero vector.

    Its largest value, 1e6, is more than float16 holds: multiply in float32.
    """
    return ops.rsqrt(ops.maximum(sum_of_squares, _EPSILON))


@keras.saving.register_keras_serializable(package="yt8m_distill")
class L2Normalization(keras.layers.Layer):
    """Scales vectors to unit length: `x / sqrt(max(sum(x^2), 1e-12))`.

    Unlike `keras.layers.UnitNormalization` the zero vector has a finite gradient, and 16-bit inputs are summed in
    float32.

    Args:
      axis: axis of the vectors.

    Call arguments:
      inputs: float tensor of any shape.

    Output shape:
      As the input. Padded frames that are zero stay zero.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        return ops.cast(x * inverse_norm(ops.sum(ops.square(x), axis=self.axis, keepdims=True)), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}
