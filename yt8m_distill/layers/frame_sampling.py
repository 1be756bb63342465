"""Some frames of each video, drawn at random in training."""

import keras
from keras import ops


def random_frame_indices(uniform, num_frames):
    """Indices of frames drawn with replacement: `trunc(uniform * num_frames)`.

    Args:
      uniform: float32 (batch, k), numbers from [0, 1).
      num_frames: int (batch,).

    Returns:
      int32 (batch, k), each from 0 to num_frames - 1; 0 for a video without frames.

    Reference:
      google/youtube-8m, model_utils.SampleRandomFrames.
    """
    count = ops.cast(num_frames, "float32")[:, None]
    return _within(ops.cast(uniform * count, "int32"), num_frames)


def sequence_frame_indices(uniform, num_frames, count):
    """Indices of `count` frames in a row from a random start; the last frame repeats where the video is shorter.

    Args:
      uniform: float32 (batch, 1), numbers from [0, 1).
      num_frames: int (batch,).
      count: frames of each video.

    Returns:
      int32 (batch, count), each from 0 to num_frames - 1; 0 for a video without frames.

    Reference:
      google/youtube-8m, model_utils.SampleRandomSequence.
    """
    starts = ops.maximum(ops.cast(num_frames, "int32") - count, 0) + 1
    first = ops.cast(uniform * ops.cast(starts, "float32")[:, None], "int32")
    return _within(first + ops.arange(count, dtype="int32"), num_frames)


def _within(indices, num_frames):
    last = ops.maximum(ops.cast(num_frames, "int32")[:, None] - 1, 0)
    return ops.clip(indices, 0, last)


def gather_frames(frames, indices):
    """Rows `indices` (batch, k) of `frames` (batch, rows, size), (batch, k, size); zero where there are no rows."""
    batch, rows, size = *ops.shape(frames)[:2], frames.shape[-1]
    table = ops.concatenate([ops.reshape(frames, (batch * rows, size)), ops.zeros((1, size), frames.dtype)], axis=0)
    firsts = ops.arange(batch, dtype="int32") * rows
    flat = ops.minimum(firsts[:, None] + indices, batch * rows)
    return ops.take(table, flat, axis=0)


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FrameSampling(keras.layers.Layer):
    """In training, `count` frames of each video, drawn anew every step; elsewhere all frames as they are.

    Args:
      count: frames of each video.
      with_replacement: draws every frame on its own, so that a frame may come twice; otherwise a run of frames from a
        random start, all of a video shorter than `count`.

    Call arguments:
      features: dict of name -> (batch, frames, size) of any dtype.
      num_frames: int (batch,).
      training: whether to draw.

    Returns:
      (features, num_frames): in training (batch, count, size) and the frames that count among these, the same frames
      of every feature. Padded frames are never drawn.

    Reference:
      google/youtube-8m, model_utils, which draws at random in evaluation too.
    """

    def __init__(self, count, with_replacement=True, **kwargs):
        super().__init__(**kwargs)
        if count < 1:
            raise ValueError(f"count must be at least 1. Received: {count=}")
        self.count = count
        self.with_replacement = with_replacement
        self.seed_generator = keras.random.SeedGenerator()
        if keras.backend.backend() == "tensorflow":
            # As in ResumableDropout: a TensorFlow checkpoint then holds the state.
            self.seed_state = self.seed_generator.state.value

    def call(self, features, num_frames, training=None):
        if not training:
            return features, num_frames
        rows = ops.shape(next(iter(features.values())))[1]
        num_frames = ops.minimum(ops.cast(num_frames, "int32"), rows)
        shape = (ops.shape(num_frames)[0], self.count if self.with_replacement else 1)
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        if self.with_replacement:
            indices = random_frame_indices(uniform, num_frames)
            counted = ops.where(num_frames > 0, self.count, 0)
        else:
            indices = sequence_frame_indices(uniform, num_frames, self.count)
            counted = ops.minimum(num_frames, self.count)
        return {name: gather_frames(frames, indices) for name, frames in features.items()}, counted

    def get_config(self):
        return {**super().get_config(), "count": self.count, "with_replacement": self.with_replacement}
