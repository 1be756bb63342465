"""Two recurrent layers of opposite directions under a third one."""

import keras
from keras import ops

from yt8m_distill.layers.recurrent_stack import CELLS, RecurrentStack
from yt8m_distill.layers.reverse_frames import reverse_frames


@keras.saving.register_keras_serializable(package="yt8m_distill")
class BidirectionalStack(keras.layers.Layer):
    """`top([forward(x)[t], backward(x)[t]])`, the final state of a recurrent layer over both directions.

    Forward and backward have `units // 2` units each. The backward layer reads the frames of a video, not its padding,
    from the last to the first, and its outputs are turned round again.

    Args:
      cell: lstm or gru.
      units: width of the top layer.
      state_output: "last_h" or, of an LSTM, "last_c".

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      return_states: whether the top layer's states after every frame are returned too.

    Output shape:
      (batch, units). Padded frames change nothing, a video without frames gives zeros, and the order of the frames
      matters. With `return_states` a tuple, see `RecurrentStack`: the top layer reads forward, though what it reads of
      a frame knows, through the backward layer, the frames to come.

    Reference:
      miha-skalic/youtube8mchallenge, Lstmbidirect ("last_c") and GRUbidirect ("last_h").
    """

    def __init__(self, cell, units, state_output="last_h", **kwargs):
        super().__init__(**kwargs)
        if units < 2 or not state_output.startswith("last"):
            raise ValueError(
                f"units must be at least 2 and state_output last_h or last_c. Received: {units=}, {state_output=}"
            )
        self.cell = cell
        self.units = units
        self.state_output = state_output
        policy = self.dtype_policy
        self.top = RecurrentStack(cell, units, 1, state_output, dtype=policy, name="top")
        self.forward_layer = CELLS[cell](units // 2, dtype=policy, name="forward_layer")
        self.backward_layer = CELLS[cell](units // 2, dtype=policy, name="backward_layer")

    def build(self, input_shape, num_frames_shape=None):
        self.forward_layer.build(input_shape)
        self.backward_layer.build(input_shape)
        self.top.build((*input_shape[:-1], self.units // 2 * 2))

    def call(self, inputs, num_frames, return_states=False):
        forward, _ = self.forward_layer(inputs, num_frames)
        backward, _ = self.backward_layer(reverse_frames(inputs, num_frames), num_frames)
        both = ops.concatenate([forward, reverse_frames(backward, num_frames)], axis=-1)
        return self.top(both, num_frames, return_states=return_states)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "cell": self.cell,
            "units": self.units,
            "state_output": self.state_output,
        }
