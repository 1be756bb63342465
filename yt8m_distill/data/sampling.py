"""Which frames of a video a model that sees few of them is given. NumPy only.

A sampler takes `num_frames`, int (videos,), and `count`, k, and returns positions, int32 (videos, k): ascending, none
twice, none past the end of its video, and -1 behind the last one. A video of up to k frames is taken whole, except by
`every`; one without frames has none.

Reference: Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019, sections 4 (every) and 5.4.
"""

import zlib

import numpy as np

_DRAWS = 2  # tells this use of a seed from others
# SplitMix64: Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
_GAMMA, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def uniform(num_frames, count):
    """Frames at equal distances: `j * n // m` for j < m = min(n, k)."""
    length, step, kept = _grid(num_frames, count)
    return _padded(step * length // np.maximum(kept, 1), kept)


def every(num_frames, count, max_frames):
    """Every j-th frame, 0, j, 2j, ..., `ceil(n / j)` of them.

    j = ceil(max_frames / k) is one for all videos, so that shorter ones give fewer frames.
    """
    stride = -(-max_frames // count)
    length, step, _ = _grid(num_frames, count)
    return _padded(step * stride, -(-length // stride))


def first(num_frames, count):
    """The first k frames."""
    _, step, kept = _grid(num_frames, count)
    return _padded(step, kept)


def middle(num_frames, count):
    """k frames around the middle; where one frame more is left out on one side, then at the end."""
    length, step, kept = _grid(num_frames, count)
    return _padded((length - kept) // 2 + step, kept)


def last(num_frames, count):
    """The last k frames, in their order."""
    length, step, kept = _grid(num_frames, count)
    return _padded(length - kept + step, kept)


def first_middle_last(num_frames, count):
    """Of m = min(n, k) frames the first `(m + 1) // 3`, as many at the end, and the rest around the middle.

    That is a third each where 3 divides m; else the middle has one frame more (m = 4: 1, 2, 1) or less (m = 5: 2, 1,
    2).
    """
    length, step, kept = _grid(num_frames, count)
    outer = (kept + 1) // 3
    inner = kept - 2 * outer
    around = (length - inner) // 2 + step - outer
    return _padded(np.select([step < outer, step < outer + inner], [step, around], length - kept + step), kept)


_FIXED = {
    "uniform": uniform,
    "first": first,
    "middle": middle,
    "last": last,
    "first_middle_last": first_middle_last,
}


def fixed_positions(sampler, max_frames, count):
    """The positions of a sampler that draws nothing, for a video of every length.

    Args:
      sampler: one of `spec.SAMPLERS` but "random".
      max_frames: frames of the longest video.
      count: frames to take, k.

    Returns:
      int32 (max_frames + 1, k): row n for a video of n frames.
    """
    lengths = np.arange(max_frames + 1)
    return every(lengths, count, max_frames) if sampler == "every" else _FIXED[sampler](lengths, count)


def random_positions(keys, num_frames, max_frames, count):
    """k frames of each video without replacement, every choice equally likely.

    Args:
      keys: uint64 (videos,), see `video_keys`; together with num_frames they decide the draw.
      num_frames: int (videos,), up to `max_frames`.
      max_frames: frames of the longest video.
      count: frames to take, k.

    Returns:
      int32 (videos, k).
    """
    length, step, kept = _grid(num_frames, max(max_frames, count))
    tickets = _mixed(_mixed(np.asarray(keys, np.uint64))[:, None] + (step + 1).astype(np.uint64) * _GAMMA)
    # Half of what 64 bits hold is left for frames that do not exist: they never win.
    tickets = np.where(step < length, tickets >> np.uint64(1), np.uint64(2**64 - 1))
    drawn = np.argpartition(tickets, count - 1, axis=1)[:, :count]
    drawn = np.sort(np.where(drawn < length, drawn, max_frames), axis=1)
    return _padded(drawn, np.minimum(kept, count))


def video_keys(ids, seed=None, epoch=0):
    """What decides the draws of `random_positions`: uint64 (videos,).

    Args:
      ids: bytes of each video's id.
      seed: None for a draw by the id alone, the same in every pass; a number for another one in every `epoch`.
      epoch: which pass this is.
    """
    keys = np.fromiter(map(zlib.crc32, ids), np.uint64, len(ids))
    if seed is None:
        return keys
    return keys ^ np.random.SeedSequence([seed, epoch, _DRAWS]).generate_state(1, np.uint64)


def _grid(num_frames, count):
    """(n (videos, 1), 0 .. k - 1 (1, k), min(n, k) (videos, 1))."""
    length = np.asarray(num_frames, np.int64)[:, None]
    return length, np.arange(count)[None, :], np.minimum(length, count)


def _padded(positions, kept):
    return np.where(np.arange(positions.shape[1]) < kept, positions, -1).astype(np.int32)


def _mixed(state):
    """The finalizer of SplitMix64."""
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
