"""Which rows of a padded batch are frames."""

from keras import ops


def frame_mask(num_frames, frames, dtype="float32"):
    """1 where a row is a frame of its video, 0 where it is padding.

    Args:
      num_frames: int (batch,), valid frames of each video.
      frames: rows of the padded batch, an int or a scalar tensor.
      dtype: of the result.

    Returns:
      (batch, frames) of `dtype`.
    """
    rows = ops.arange(frames, dtype="int32")
    return ops.cast(rows[None, :] < ops.cast(num_frames, "int32")[:, None], dtype)
