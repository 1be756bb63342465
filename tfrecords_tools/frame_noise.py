"""How made frames differ within a video: scenes of some seconds, a short memory and white noise. NumPy only."""

import numpy as np

from yt8m_distill.spec import MAX_QUANTIZED, MIN_QUANTIZED

CODES_PER_UNIT = 255 / (MAX_QUANTIZED - MIN_QUANTIZED)
ZERO_CODE = -(MIN_QUANTIZED + 4 / 512) * CODES_PER_UNIT  # x = q * 4/255 + 4/512 - 2

_MEMORY = 0.6  # correlation of the short memory from one second to the next
_SHORTEST_SCENE = 2


def frames_per_scene(seconds, length_scale):
    """Returns the mean frames of a scene of `seconds`; videos that are shortened have as many scenes, shorter ones."""
    return max(_SHORTEST_SCENE, seconds * min(length_scale, 1.0))


def draw_scenes(rng, num_frames, scene_frames):
    """Returns int64 (num_frames,): the scene that each frame belongs to, 0, 1, ..."""
    lengths = 1 + (scene_frames - 1) * rng.standard_exponential(num_frames)
    starts = np.concatenate([[0], np.rint(np.cumsum(lengths))])
    return np.searchsorted(starts, np.arange(num_frames), side="right") - 1


def draw_flicker(rng, rows, deviation, setting_share, memory_share):
    """Returns int16 (rows, values), in codes: what changes from frame to frame; a video takes a run of rows.

    Args:
      rng: numpy Generator.
      rows: frames.
      deviation: float32 (values,), standard deviation within a video, scenes included.
      setting_share, memory_share: shares of the variance within a video that scenes and the short memory make up,
        numbers or (values,); the rest is white noise.
    """
    memory = rng.standard_normal((rows, len(deviation)), np.float32)
    for row in range(1, rows):
        memory[row] = np.float32(_MEMORY) * memory[row - 1] + np.float32((1 - _MEMORY**2) ** 0.5) * memory[row]
    memory *= _root(memory_share)
    white = rng.standard_normal(memory.shape, np.float32)
    memory += _root(1 - setting_share - memory_share) * white
    return np.rint(memory * (deviation * np.float32(CODES_PER_UNIT))).astype(np.int16)


def _root(share):
    return np.sqrt(share).astype(np.float32)
