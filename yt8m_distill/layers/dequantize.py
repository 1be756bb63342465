"""From the bytes of a record to numbers."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.spec import MAX_QUANTIZED, MIN_QUANTIZED


@keras.saving.register_keras_serializable(package="yt8m_distill")
class Dequantize(keras.layers.Layer):
    """Turns uint8 frames into floats; float frames pass as they are.

    `x = q * (max - min) / 255 + (max - min) / 512 + min`, i.e. 0 -> -1.9921875 and 255 -> 2.0078125 by default.

    Args:
      min_value: lower end of the quantised range.
      max_value: upper end of the quantised range.

    Call arguments:
      inputs: uint8 or float (batch, frames, size).
      num_frames: int (batch,).

    Output shape:
      (batch, frames, size) in the compute dtype. Padded uint8 frames become zero, whatever byte they hold; floats
      are not touched, padding included.

    Reference:
      google/youtube-8m, utils.Dequantize.
    """

    def __init__(self, min_value=MIN_QUANTIZED, max_value=MAX_QUANTIZED, **kwargs):
        super().__init__(**kwargs)
        if max_value <= min_value:
            raise ValueError(f"max_value must be above min_value. Received: {min_value=}, {max_value=}")
        self.min_value = min_value
        self.max_value = max_value

    def call(self, inputs, num_frames):
        if keras.backend.is_float_dtype(keras.backend.standardize_dtype(inputs.dtype)):
            return inputs
        width = self.max_value - self.min_value
        x = ops.cast(inputs, self.compute_dtype) * (width / 255.0) + (width / 512.0 + self.min_value)
        return x * frame_mask(num_frames, ops.shape(inputs)[1], self.compute_dtype)[:, :, None]

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "min_value": self.min_value, "max_value": self.max_value}
