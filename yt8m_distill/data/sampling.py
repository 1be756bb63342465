"""Which frames of a video a model that sees few of them is given. NumPy only."""

import numpy as np


def uniform_positions(max_frames, count):
    """Frames at equal distances, for a video of every length.

    Args:
      max_frames: frames of the longest video.
      count: frames to take, k.

    Returns:
      int32 (max_frames + 1, k): row n holds the positions `j * n // m`, j < m = min(n, k), for a video of n frames, and
      -1 behind them. They ascend, none comes twice, and none lies past the end; a video of up to k frames is taken
      whole.

    Reference:
      Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019, section 3.2 (uniform-k).
    """
    num_frames, step = np.arange(max_frames + 1)[:, None], np.arange(count)[None, :]
    kept = np.minimum(num_frames, count)
    return np.where(step < kept, step * num_frames // np.maximum(kept, 1), -1).astype(np.int32)
