"""Recurrent networks over all features side by side."""

import keras
from keras import ops

from yt8m_distill.layers.bidirectional_stack import BidirectionalStack
from yt8m_distill.layers.recurrent_stack import RecurrentStack
from yt8m_distill.layers.reverse_frames import reverse_frames
from yt8m_distill.models.parts import revive_part, serialize_part


@keras.saving.register_keras_serializable(package="yt8m_distill")
class RecurrentAggregator(keras.layers.Layer):
    """A recurrent layer's final state after the frames of a video, all features of a frame side by side.

    Args:
      recurrence: layer: frames (batch, frames, size) and num_frames -> state (batch, d), with `return_states` also the
        states on the way and how many frames each has read.
      backward: whether the frames (not the padding) come from the last to the first.

    Call arguments:
      features: dict of name -> float (batch, frames, size).
      num_frames: int (batch,).
      return_states: whether the states on the way are returned too; backward they have not read the first frames.

    Output shape:
      (batch, d). Padded frames change nothing; the order of the frames matters. With `return_states` a tuple: that,
      the states (batch, S, d), zero past the end of a video, and int32 (S,), the frames that each has read.
    """

    def __init__(self, recurrence, backward=False, **kwargs):
        super().__init__(**kwargs)
        self.recurrence = recurrence
        self.backward = backward

    @property
    def has_states(self):
        """Whether a state on the way stands for the first frames of a video."""
        return not self.backward

    def build(self, features_shape, num_frames_shape=None):
        self.recurrence.build(_side_by_side(features_shape))

    def call(self, features, num_frames, return_states=False):
        frames = ops.concatenate(list(features.values()), axis=-1)
        frames = reverse_frames(frames, num_frames) if self.backward else frames
        return self.recurrence(frames, num_frames, return_states=return_states)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        return self.recurrence.compute_output_shape(_side_by_side(features_shape))

    def get_config(self):
        return {**super().get_config(), "recurrence": serialize_part(self.recurrence), "backward": self.backward}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "recurrence": revive_part(config["recurrence"])})


def _side_by_side(features_shape):
    shapes = list(features_shape.values())
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def build_lstm(params, spec):
    """The aggregator of `LSTMParams`; `spec` adds nothing to it."""
    stack = RecurrentStack("lstm", params.lstm_cells, params.lstm_layers, params.state_output, name="lstm")
    return RecurrentAggregator(stack, params.lstm_backward, name="aggregator")


def build_gru(params, spec):
    """The aggregator of `GRUParams`; `spec` adds nothing to it."""
    stack = RecurrentStack("gru", params.gru_cells, params.gru_layers, params.state_output, name="gru")
    return RecurrentAggregator(stack, params.gru_backward, name="aggregator")


def build_bidirectional_lstm(params, spec):
    """The aggregator of `BidirectionalLSTMParams`; `spec` adds nothing to it."""
    stack = BidirectionalStack("lstm", params.lstm_cells, params.state_output, name="lstm")
    return RecurrentAggregator(stack, name="aggregator")


def build_bidirectional_gru(params, spec):
    """The aggregator of `BidirectionalGRUParams`; `spec` adds nothing to it."""
    return RecurrentAggregator(BidirectionalStack("gru", params.gru_cells, name="gru"), name="aggregator")
