"""A bidirectional GRU for each feature, batch-normalised."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.bidirectional_stack import BidirectionalStack
from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.hidden import Hidden
from yt8m_distill.models.late_fusion import LateFusion


@keras.saving.register_keras_serializable(package="yt8m_distill")
class GRUPath(keras.layers.Layer):
    """`bidirectional_gru(relu6(batch_norm(batch_norm(x) W)))` of one feature.

    Args:
      units: width of the projection and of the GRU.
      momentum: decay of the batch norms' moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      training: whether the batch norms use the moments of this batch.
      return_states: whether the states after every frame are returned too.

    Output shape:
      (batch, units). Padded frames change nothing, in training neither the moments nor the moving statistics; a video
      without frames gives zeros, and the order of the frames matters. With `return_states` a tuple, see
      `BidirectionalStack`.

    Reference:
      miha-skalic/youtube8mchallenge, GRUbidirect_branchedBN, whose batch norms count padding.
    """

    def __init__(self, units, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.momentum = momentum
        policy = self.dtype_policy
        self.input_bn = BatchNormalization(momentum, dtype=policy, name="input_bn")
        self.projection = Hidden(units, activation="relu6", momentum=momentum, dtype=policy, name="projection")
        self.recurrence = BidirectionalStack("gru", units, dtype=policy, name="recurrence")

    def build(self, input_shape, num_frames_shape=None):
        self.input_bn.build(input_shape)
        self.projection.build(input_shape)
        self.recurrence.build((*input_shape[:-1], self.units))

    def call(self, inputs, num_frames, training=None, return_states=False):
        mask = frame_mask(num_frames, ops.shape(inputs)[1])
        frames = self.input_bn(inputs, mask=mask, training=training)
        frames = self.projection(frames, mask=mask, training=training)
        return self.recurrence(frames, num_frames, return_states=return_states)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="yt8m_distill")
class GRUPaths(LateFusion):
    """The `GRUPath`s of all features side by side, without a hidden layer.

    Call arguments, besides those of `LateFusion`:
      return_states: whether the states after every frame are returned too.

    Output shape:
      (batch, sum of the paths' units). With `return_states` a tuple: that, the paths' states side by side (batch,
      frames, the same width), zero past the end of a video, and int32 (frames,), the frames that each has read.
    """

    has_states = True

    def call(self, features, num_frames, training=None, return_states=False):
        if not return_states:
            return super().call(features, num_frames, training=training)
        options = {"training": training, "return_states": True}
        paths = [path(features[name], num_frames, **options) for name, path in self.streams.items()]
        final, states, frames_read = zip(*paths, strict=True)
        return ops.concatenate(final, axis=-1), ops.concatenate(states, axis=-1), frames_read[0]


def build_aggregator(params, spec):
    """The aggregator of `DualPathGRUParams` for the features of `spec`."""
    paths = {
        name: GRUPath(params.cells(index), params.batch_norm_momentum, name=f"{name}_gru")
        for index, name in enumerate(spec.names)
    }
    return GRUPaths(paths, name="aggregator")
