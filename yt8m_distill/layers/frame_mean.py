"""Mean over the frames of a video."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FrameMean(keras.layers.Layer):
    """Mean frame of each video: `sum_t x[t] / max(num_frames, 1)`.

    Args:
      mask_padding: whether the sum leaves padded frames out. False sums every row and still divides by
        `num_frames`, as the starter code does: the mean only where padding is zero.

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).

    Output shape:
      (batch, size) in the compute dtype; zero for a video without frames. The order of the frames does not matter.

    Reference:
      google/youtube-8m, frame_level_models.FrameLevelLogisticModel.
    """

    def __init__(self, mask_padding=True, **kwargs):
        super().__init__(**kwargs)
        self.mask_padding = mask_padding

    def call(self, inputs, num_frames):
        rows = ops.shape(inputs)[1]
        weights = frame_mask(num_frames, rows) if self.mask_padding else ops.ones_like(inputs[:, :, 0], "float32")
        count = ops.maximum(ops.cast(num_frames, "float32"), 1.0)
        weights = ops.cast(weights / count[:, None], inputs.dtype)
        return ops.squeeze(ops.matmul(weights[:, None, :], inputs), axis=1)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        return {**super().get_config(), "mask_padding": self.mask_padding}
