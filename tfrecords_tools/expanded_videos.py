"""Frames made around a video's real means: spread and correlated in time as real frames are. NumPy only.

In whitened units, the frame `t` of a video in its scene `s` is

    x[t] = shift + setting[s] + flicker[t]

with `setting` drawn for the scene and `flicker` a first-order autoregressive process plus white noise, each dimension
by itself. The sum is rounded and clipped to the codes 0..255, and the shift of each dimension is the one with which
the clipped codes have the wanted mean. So the mean is the record's, whatever clipping takes away:

    |mean over frames of the codes - code of the record's mean| <= 1 / (2 num_frames)

A frame holds nothing about the labels beyond the mean. Only operations that round alike everywhere are used: the same
video and seed give the same bytes.
"""

import itertools

import numpy as np

from tfrecords_tools.frame_noise import CODES_PER_UNIT, ZERO_CODE, draw_flicker, draw_scenes, frames_per_scene
from tfrecords_tools.synthetic_labels import RECORDED_SECONDS, draw_num_frames
from tfrecords_tools.synthetic_world import generator, spread_of_means

# Variance within a video before clipping; what clipping and keeping the mean leave of it is, for rgb, 1 less the
# variance of the video means (frames are whitened), and for audio, from the first dimension (0) to the last (1), the
# variance of AudioSet's frames less that of the means of YouTube-8M's videos (.17 .22 .29 .45 .65 .88 1.06 1.27 1.54).
_RGB_WITHIN = 1.19
_AUDIO_WITHIN = ((0, 0.02, 0.04, 0.08, 0.16, 0.3, 0.5, 0.75, 1), (0.18, 0.24, 0.33, 0.52, 0.76, 1.14, 1.44, 1.86, 2.6))

# Shares of it that scenes and the short memory make up. With them the frames of all videos have the autocorrelation of
# AudioSet's, .53 .46 .43 .40 .35 at 1 2 3 5 9 seconds.
_RGB_SHARES = (0.37, 0.17)
_AUDIO_SHARES = (0.09, 0.36)
_SCENE_SECONDS = 20

_POOL_ROWS = 2048
_BLOCK = 128  # dimensions that share the places in the pools from which a video takes its rows
MOST_CODE = 255
_SUMMED = 257  # rows of codes whose sum fits into 16 bits
_NEWTON_STEPS = 3


class FrameMaker:
    """Makes the frames of videos of which the means are known.

    Args:
      names, sizes: the features and their values; those with audio in their name vary as audio does, others as rgb.
      seed: another seed gives other frames.
      length_scale, min_frames, max_frames: see `draw_num_frames`; scenes are shortened by the same scale.
    """

    def __init__(self, names, sizes, seed=0, length_scale=1.0, min_frames=1, max_frames=RECORDED_SECONDS):
        self._seed = seed
        self._size = sum(sizes)
        self._lengths = (length_scale, min_frames, max_frames)
        self._scene_frames = frames_per_scene(_SCENE_SECONDS, length_scale)
        deviation, scenes, memory = (np.concatenate(parts) for parts in zip(*map(_within, names, sizes), strict=True))
        rng = generator("expand", seed)
        settings = rng.standard_normal((_POOL_ROWS, len(deviation)), np.float32)
        settings *= deviation * np.sqrt(scenes) * np.float32(CODES_PER_UNIT)
        flicker = draw_flicker(rng, _POOL_ROWS, deviation, scenes, memory)
        self._settings = _blocks(np.rint(settings).astype(np.int16))
        longest = int(np.clip(np.rint(RECORDED_SECONDS * length_scale), min_frames, max_frames))
        self._flicker = _blocks(np.resize(flicker, (_POOL_ROWS + longest, len(deviation))))

    def frames(self, video_id, means):
        """Makes the frames of one video.

        Args:
          video_id: bytes; the id and the seed settle the length and how frames vary.
          means: float32 (values,), the means of all features in order. Those past what 8 bits hold, from -1.992 to
            2.008, get frames at that end alone.

        Returns:
          uint8 (num_frames, values). Over the frames, the sum of the codes is the whole number next to `num_frames`
          times the mean's code.
        """
        rng = generator("expand", self._seed, int.from_bytes(video_id, "little"))
        num_frames = int(draw_num_frames(rng, 1, *self._lengths)[0])
        sums = np.rint(np.clip(exact_codes(means), 0, MOST_CODE) * num_frames).astype(np.int32)
        return with_sums(self._variation(rng, num_frames), sums)

    def _variation(self, rng, num_frames):
        """int16 (num_frames, values): settings and flicker of one video, in codes around 0."""
        scene = draw_scenes(rng, num_frames, self._scene_frames)
        settings = rng.integers(_POOL_ROWS, size=(len(self._settings), scene[-1] + 1))
        starts = rng.integers(_POOL_ROWS, size=len(self._flicker)).tolist()
        values = np.empty((num_frames, self._size), np.int16)
        for block, (pool, rows, flicker, start) in enumerate(
            zip(self._settings, settings, self._flicker, starts, strict=True)
        ):
            columns = values[:, block * _BLOCK : (block + 1) * _BLOCK]
            np.add(pool.take(rows[scene], axis=0), flicker[start : start + num_frames], out=columns)
        return values


def exact_codes(values):
    """Returns float64, alike: codes of values, not rounded; below 0 and above 255 for those past what 8 bits hold."""
    return np.asarray(values, np.float64) * CODES_PER_UNIT + ZERO_CODE


def with_sums(values, sums):
    """Shifts whole numbers, column by column, until what is left of them in 0..255 has the wanted sums.

    All rows of a column are shifted by the same number, the first ones by one more where the sum asks for it.

    Args:
      values: int16 (rows, columns), between -10,000 and 10,000; overwritten.
      sums: int32 (columns,), from 0 to 255 times the rows.

    Returns:
      uint8 (rows, columns) with exactly these sums.
    """
    missing, rising, slope = _shift_nearly(values, sums)
    far = np.flatnonzero((missing < 0) | (missing > slope))
    if far.size:
        values[:, far] = columns = _shifted(values[:, far], sums[far])
        missing[far], rising[:, far] = sums[far] - _clipped_sums(columns), _rising(columns)
    codes = np.clip(values, 0, MOST_CODE, out=values).astype(np.uint8)
    codes += (rising & (_ranks(rising) <= missing.astype(np.uint16))).view(np.uint8)
    return codes


def _shift_nearly(values, sums):
    """Shifts `values` in place by Newton's method, which comes to the right shift of nearly every column.

    Returns:
      (what the clipped sums are short of, int32 (columns,); which values rise; how many of a column).
    """
    rows = len(values)
    missing, slope = sums - values.sum(axis=0, dtype=np.int16), rows  # a guess: that sum may wrap around
    for _ in range(_NEWTON_STEPS):
        values += (missing // np.maximum(slope, rows // 4 + 1)).astype(np.int16)
        missing, rising = sums - _clipped_sums(values), _rising(values)
        slope = _sums(rising.view(np.uint8), MOST_CODE)
    return missing, rising, slope


def _shifted(values, sums):
    """Each column shifted by the most with which its clipped sum does not pass `sums`, found by halving."""
    values = values - values.max(axis=0)
    step = 1 << int(MOST_CODE - values.min()).bit_length()
    while step := step // 2:
        values += np.int16(step) * (_clipped_sums(values + np.int16(step)) <= sums)
    return values


def _rising(values):
    """bool, alike: where the clipped value is one more once the value is, from 0 to 254."""
    return values.view(np.uint16) < MOST_CODE


def _ranks(chosen):
    """uint16, alike: how many are chosen in a column up to this row. Five times as fast as np.cumsum."""
    ranks = chosen.astype(np.uint16)
    for earlier, row in itertools.pairwise(ranks):
        np.add(earlier, row, out=row)
    return ranks


def _clipped_sums(values):
    """int32 (columns,): sums of `values`, int16 (rows, columns), clipped to 0..255."""
    return _sums(np.clip(values, 0, MOST_CODE).view(np.uint16), _SUMMED)


def _sums(numbers, rows):
    """int32 (columns,): sums of unsigned integers, added up in their own type, which holds the sum of `rows` rows."""
    parts = (numbers[row : row + rows].sum(axis=0, dtype=numbers.dtype) for row in range(0, len(numbers), rows))
    return sum(part.astype(np.int32) for part in parts)


def _within(name, size):
    """float32 (size,) each: deviation within a video, and the shares of scenes and of the short memory."""
    if "audio" in name:
        within, shares = np.interp(np.arange(size) / max(size - 1, 1), *_AUDIO_WITHIN), _AUDIO_SHARES
    else:
        within, shares = _RGB_WITHIN * (1 - spread_of_means(name, size).astype(np.float64) ** 2), _RGB_SHARES
    return [np.float32(np.sqrt(within)), *(np.full(size, share, np.float32) for share in shares)]


def _blocks(pool):
    """The columns of a pool in blocks, each in one piece of memory."""
    return [np.ascontiguousarray(pool[:, first : first + _BLOCK]) for first in range(0, pool.shape[1], _BLOCK)]
