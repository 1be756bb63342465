"""LSTMs over chunks of frames, and LSTMs over the chunks."""

import keras
from keras import ops

from yt8m_distill.layers import recurrence
from yt8m_distill.layers.recurrent_stack import RecurrentStack


@keras.saving.register_keras_serializable(package="yt8m_distill")
class HierarchicalLSTM(keras.layers.Layer):
    """Final state of a stack of LSTMs that reads, chunk by chunk, the final states of another stack.

    The first `max_frames` rows are cut into `chunks` chunks of `length = max_frames / chunks` rows. The lower stack
    reads every chunk on its own, from zero, all chunks of a batch side by side; its full state `[c_0, h_0, c_1, h_1,
    ...]` is one row for the upper stack, which reads the `ceil(num_frames / length)` chunks that hold a frame.

    The length of a chunk does not depend on the rows of a batch: a batch that is shorter than `max_frames` has fewer
    chunks, and a video shorter than a chunk has one. Frames from `max_frames` on are left out.

    Args:
      units: width of every LSTM.
      depth: layers of each of both stacks.
      chunks: number of chunks; must divide `max_frames`.
      max_frames: frames of all chunks together.

    Call arguments:
      inputs: float (batch, frames, size).
      num_frames: int (batch,).
      return_states: whether the upper stack's states after every chunk are returned too.

    Output shape:
      (batch, 2 * depth * units), `[c_0, h_0, c_1, h_1, ...]` of the upper stack. Padded frames change nothing, a video
      without frames gives zeros, and the order of the frames matters.

      With `return_states` a tuple: that, the same states after every chunk, (batch, chunks, 2 * depth * units), zero
      where a chunk holds no frame, and int32 (chunks,), the frames at which the chunks end: `length`, 2 `length`, ...

    Reference:
      Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019, section 3.1;
      shwetabhardwaj44/EfficientVideoClassification, HierarchicalLstmModel.
    """

    def __init__(self, units, depth=2, chunks=20, max_frames=300, **kwargs):
        super().__init__(**kwargs)
        if min(units, depth, chunks, max_frames) < 1 or max_frames % chunks:
            raise ValueError(
                "All must be at least 1 and chunks must divide max_frames. "
                f"Received: {units=}, {depth=}, {chunks=}, {max_frames=}"
            )
        self.units = units
        self.depth = depth
        self.chunks = chunks
        self.max_frames = max_frames
        self.length = max_frames // chunks
        options = {"depth": depth, "state_output": "every_state", "dtype": self.dtype_policy}
        self.lower = RecurrentStack("lstm", units, name="lower", **options)
        self.upper = RecurrentStack("lstm", units, name="upper", **options)

    def build(self, input_shape, num_frames_shape=None):
        self.lower.build(input_shape)
        self.upper.build((input_shape[0], None, 2 * self.depth * self.units))

    def call(self, inputs, num_frames, return_states=False):
        inputs = self._whole_chunks(inputs[:, : self.max_frames])
        batch, rows, size = ops.shape(inputs)
        chunks = rows // self.length
        count = ops.clip(ops.cast(num_frames, "int32"), 0, self.max_frames)
        starts = self.length * ops.arange(chunks, dtype="int32")
        # Not ops.clip: with six frames a chunk LiteRT would take it for a Relu6, which it lacks for integers.
        valid = ops.minimum(ops.maximum(count[:, None] - starts[None, :], 0), self.length)
        inputs = ops.reshape(inputs, (batch * chunks, self.length, size))
        codes = self.lower(inputs, ops.reshape(valid, (batch * chunks,)))
        codes = ops.reshape(codes, (batch, chunks, 2 * self.depth * self.units))
        outputs = self.upper(codes, (count + self.length - 1) // self.length, return_states=return_states)
        if not return_states:
            return outputs
        final, states, _ = outputs
        return final, states, recurrence.frames_read(chunks, self.length)

    def _whole_chunks(self, inputs):
        """`inputs` with rows of zeros after the last one, up to the end of its chunk."""
        batch, rows, size = ops.shape(inputs)
        zeros = ops.zeros((batch, self.length, size), inputs.dtype)
        return ops.concatenate([inputs, zeros[:, : -rows % self.length]], axis=1)

    def compute_output_shape(self, input_shape, num_frames_shape=None):
        return (input_shape[0], 2 * self.depth * self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "depth": self.depth,
            "chunks": self.chunks,
            "max_frames": self.max_frames,
        }
