"""Mean frame of a video."""

import keras
from keras import ops

from yt8m_distill.layers.frame_mean import FrameMean


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FrameMeanAggregator(keras.layers.Layer):
    """Mean frame of every feature, side by side.

    Args:
      mask_padding: see `FrameMean`.

    Call arguments:
      features: dict of name -> float (batch, frames, size).
      num_frames: int (batch,).

    Output shape:
      (batch, sum of the sizes). Padded frames change nothing, unless `mask_padding` is False and they are not zero;
      neither does the order of the frames.
    """

    def __init__(self, mask_padding=True, **kwargs):
        super().__init__(**kwargs)
        self.mask_padding = mask_padding
        self.mean = FrameMean(mask_padding, dtype=self.dtype_policy)

    def build(self, features_shape, num_frames_shape=None):
        for shape in features_shape.values():
            self.mean.build(shape)

    def call(self, features, num_frames):
        return ops.concatenate([self.mean(x, num_frames) for x in features.values()], axis=-1)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        shapes = list(features_shape.values())
        return (shapes[0][0], sum(shape[-1] for shape in shapes))

    def get_config(self):
        return {**super().get_config(), "mask_padding": self.mask_padding}


def build_aggregator(params, spec):
    """The aggregator of `FrameLevelLogisticParams`; `spec` adds nothing to it."""
    return FrameMeanAggregator(params.mask_padding, name="aggregator")
