"""Largest value over the frames of a video."""

from keras import ops


def frame_maximum(x, least):
    """The maximum over axis 1.

    Args:
      x: float (batch, frames, size).
      least: not above any value: what a batch without a single row gives.

    Returns:
      (batch, size).
    """
    if x.shape[1] == 0:
        # Keras's maximum of nothing loses the batch on PyTorch, and the sum of nothing does not.
        return ops.sum(x, axis=1) + least
    return ops.max(x, axis=1, initial=least)
