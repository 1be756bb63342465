"""LSTMs or GRUs on top of each other, and what of their final states comes out."""

import keras
from keras import ops

from yt8m_distill.layers import recurrence
from yt8m_distill.layers.gru import GRU
from yt8m_distill.layers.lstm import LSTM

CELLS = {"lstm": LSTM, "gru": GRU}
STATE_OUTPUTS = {"lstm": ("last_h", "last_c", "every_h", "every_state"), "gru": ("last_h", "every_h")}


@keras.saving.register_keras_serializable(package="yt8m_distill")
class RecurrentStack(keras.layers.Layer):
    """Final state of `depth` recurrent layers, each of which reads the h of the one below.

    Args:
      cell: lstm or gru.
      units: width of every layer.
      depth: number of layers.
      state_output: "last_h", the top layer's h; "last_c", its c; "every_h", `[h_0, h_1, ...]` from the lowest layer
        up; "every_state", `[c_0, h_0, c_1, h_1, ...]`. A GRU has no c.

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      return_states: whether the states after every frame are returned too.

    Output shape:
      (batch, units) times as many states as `state_output` names. Padded frames change nothing, a video without
      frames gives zeros, and the order of the frames matters.

      With `return_states` a tuple: that, the same states after every frame, (batch, frames, the same width), zero where
      a row is padding, and int32 (frames,), the number of frames read by then: 1, 2, ...

    Reference:
      google/youtube-8m, LstmModel ("last_h"); WILLOW, LstmModel ("every_state") and GruModel ("every_h").
    """

    def __init__(self, cell, units, depth=1, state_output="last_h", **kwargs):
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}. Received: {cell=}")
        if state_output not in STATE_OUTPUTS[cell]:
            choices = ", ".join(STATE_OUTPUTS[cell])
            raise ValueError(f"state_output of {cell} must be one of {choices}. Received: {state_output=}")
        if min(units, depth) < 1:
            raise ValueError(f"Both must be at least 1. Received: {units=}, {depth=}")
        self.cell = cell
        self.units = units
        self.depth = depth
        self.state_output = state_output
        for index in range(depth):
            # Attributes rather than a list: tf.train.Checkpoint does not look into a layer's lists.
            setattr(self, f"layer_{index}", CELLS[cell](units, dtype=self.dtype_policy, name=f"layer_{index}"))

    @property
    def recurrent_layers(self):
        """The layers, the lowest first."""
        return [getattr(self, f"layer_{index}") for index in range(self.depth)]

    def build(self, input_shape, num_frames_shape=None):
        for layer in self.recurrent_layers:
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], self.units)

    def call(self, inputs, num_frames, return_states=False):
        options = {"return_cells": True} if return_states and self.cell == "lstm" else {}
        final, every = [], []
        for layer in self.recurrent_layers:
            inputs, state, *cells = layer(inputs, num_frames, **options)
            final.append(state)
            every.append((inputs, *cells) if cells else inputs)
        if not return_states:
            return self._of_all_layers(final)
        return self._of_all_layers(final), self._of_all_layers(every), recurrence.frames_read(ops.shape(inputs)[1])

    def _of_all_layers(self, states):
        """What `state_output` names of the states of all layers."""
        if self.state_output.startswith("last"):
            return self._named(states[-1])
        return ops.concatenate([self._named(state) for state in states], axis=-1)

    def _named(self, state):
        """What `state_output` names of one layer's state: h of a GRU, (h, c) of an LSTM."""
        if self.cell == "gru":
            return state
        h, c = state
        named = {"last_h": h, "last_c": c, "every_h": h}
        return ops.concatenate([c, h], axis=-1) if self.state_output == "every_state" else named[self.state_output]

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        states = {"every_h": self.depth, "every_state": 2 * self.depth}.get(self.state_output, 1)
        return (input_shape[0], self.units * states)

    def get_config(self):
        return {
            **super().get_config(),
            "cell": self.cell,
            "units": self.units,
            "depth": self.depth,
            "state_output": self.state_output,
        }
