"""The frames of a video in reverse order, its padding left where it is."""

from keras import ops


def reverse_frames(inputs, num_frames):
    """Row t of a video with n frames becomes row n - 1 - t; rows from n on stay what they are.

    Args:
      inputs: float (batch, frames, size).
      num_frames: int (batch,), at most the number of rows.

    Returns:
      As `inputs`. Applied twice it gives the inputs back.
    """
    batch, rows, size = ops.shape(inputs)
    row = ops.arange(rows, dtype="int32")[None, :]
    count = ops.minimum(ops.cast(num_frames, "int32"), rows)[:, None]
    source = ops.where(row < count, count - 1 - row, row) + rows * ops.arange(batch, dtype="int32")[:, None]
    flat = ops.reshape(source, (batch * rows,))

    def permute(x):
        return ops.reshape(ops.take(ops.reshape(x, (batch * rows, size)), flat, axis=0), (batch, rows, size))

    # The order is its own inverse, so a gradient goes back the same way; that of `take` would be a sparse sum.
    @ops.custom_gradient
    def reverse(x):
        return permute(x), lambda *saved, upstream=None: permute(saved[0] if upstream is None else upstream)

    return reverse(inputs)
