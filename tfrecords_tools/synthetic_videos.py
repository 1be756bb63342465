"""Synthetic videos: frames spread and correlated in time as real ones, and tied to the labels. NumPy only.

A video is a sequence of scenes of some seconds. A scene shows one of the video's labels, with a strength of its own, or
background, so a few frames show some of what the video is about and more frames show more of it. In whitened units, the
frame `t` of a video in its scene `s` is

    x[t] = style + strength[s] * look[shown[s]] + setting[s] + flicker[t]

with `style` drawn for the video, mostly from few directions, `setting` for the scene, `look` belonging to the class,
and `flicker` a first-order autoregressive process plus white noise. The sum is clipped to [-2, 2] and kept in 8 bits,
as in YouTube-8M. Only operations that round alike everywhere are used: the same arguments give the same bytes.
"""

import dataclasses
import string

import numpy as np

from tfrecords_tools.frame_noise import CODES_PER_UNIT, ZERO_CODE, draw_flicker, draw_scenes, frames_per_scene
from tfrecords_tools.synthetic_labels import RECORDED_SECONDS, draw_num_frames
from tfrecords_tools.synthetic_world import generator

# Shares of the variance within a video; the rest is white noise. AudioSet's codes have the autocorrelation
# .53 .46 .43 .40 .35 at 1 2 3 5 9 seconds.
_SETTING_SHARE = 0.2
_MEMORY_SHARE = 0.3

# How strongly a class shows, as a multiple of the spread of the video means: with 25 classes and 2,000 short videos a
# logistic layer on the mean of all frames reaches GAP .83 to .90, on three frames .63 (the prior: .32).
_STRENGTH = 1.2
# What that adds to the variance between and within videos, in squares of the spread.
_CLASSES_BETWEEN = 0.29
_CLASSES_WITHIN = 0.58
_LEAST_WITHIN = 0.1

_MANNERED = 0.9  # share of a style that lies in the world's few manners
_BACKGROUND = 0.4  # share of the scenes that show none of the labels
_FADING = 0.8  # each further label is shown by this much less
_SCENE_SECONDS = 8

_BLOCK = 256  # videos whose labels are drawn at a time
_POOL_ROWS = 2048
_ID_CHARACTERS = string.digits + string.ascii_letters
_ID_LENGTH = 4
_ID_STEP = 7_368_787  # coprime with 62 ** 4: neighbours get unlike ids


@dataclasses.dataclass(frozen=True)
class Video:
    """One synthetic video.

    Attributes:
      id: four letters and digits, different for the first 14 million videos of a split.
      labels: its classes; the first ones are shown in more scenes.
      frames: {feature: uint8 (num_frames, size)}, one frame a second.
      shown: int64 (num_frames,): the label that each frame shows, -1 for background.
    """

    id: str
    labels: tuple[int, ...]
    frames: dict[str, np.ndarray]
    shown: np.ndarray


class VideoDrawer:
    """Draws the videos of one split of a world, always the same ones in the same order.

    Args:
      world: the World.
      split, seed: another split or another seed gives other videos.
      length_scale, min_frames, max_frames: see `draw_num_frames`; scenes are shortened by the same scale.
    """

    def __init__(self, world, split="train", seed=0, length_scale=1.0, min_frames=1, max_frames=RECORDED_SECONDS):
        self._world = world
        self._lengths = (length_scale, min_frames, max_frames)
        self._scene_frames = frames_per_scene(_SCENE_SECONDS, length_scale)
        self._rng = generator(split, seed)
        self._next_id = int(self._rng.integers(len(_ID_CHARACTERS) ** _ID_LENGTH))
        within = np.sqrt(np.maximum(1 - np.float32(1 + _CLASSES_WITHIN) * world.spread**2, np.float32(_LEAST_WITHIN)))
        self._styles = _styles(self._rng, world)
        self._settings = self._rng.standard_normal((_POOL_ROWS, len(within)), np.float32)
        self._settings *= np.float32(_SETTING_SHARE**0.5) * within
        self._flicker = draw_flicker(self._rng, _POOL_ROWS + max_frames, within, _SETTING_SHARE, _MEMORY_SHARE)

    def draw(self, count):
        """Yields the next `count` videos."""
        while count > 0:
            labels = self._world.sampler.draw(self._rng, _BLOCK)
            lengths = draw_num_frames(self._rng, _BLOCK, *self._lengths)
            for video_labels, num_frames in zip(labels[:count], lengths.tolist(), strict=False):
                yield self._film(video_labels, num_frames)
            count -= _BLOCK

    def _film(self, labels, num_frames):
        scene = draw_scenes(self._rng, num_frames, self._scene_frames)
        shown = _draw_shown(self._rng, labels, scene[-1] + 1)
        codes = self._scene_codes(shown).take(scene, axis=0)
        start = self._rng.integers(_POOL_ROWS)
        codes += self._flicker[start : start + num_frames]
        codes = np.clip(codes, 0, 255, out=codes).astype(np.uint8)
        ends = np.cumsum(self._world.sizes).tolist()
        frames = {
            name: codes[:, end - size : end]
            for name, size, end in zip(self._world.names, self._world.sizes, ends, strict=True)
        }
        return Video(self._draw_id(), labels, frames, shown[scene])

    def _scene_codes(self, shown):
        """int16 (scenes, values): the codes that all frames of a scene share; what is past 0..255 is cut later."""
        strength = _STRENGTH * self._rng.uniform(0.5, 1.5, len(shown)) * (shown >= 0)
        values = self._settings[self._rng.integers(_POOL_ROWS, size=len(shown))]
        values += self._world.looks[shown] * strength.astype(np.float32)[:, np.newaxis]
        values += self._styles[self._rng.integers(_POOL_ROWS, size=2)].sum(axis=0)
        return np.rint(values * np.float32(CODES_PER_UNIT) + np.float32(ZERO_CODE)).astype(np.int16)

    def _draw_id(self):
        number = self._next_id * _ID_STEP % len(_ID_CHARACTERS) ** _ID_LENGTH
        self._next_id += 1
        places = (len(_ID_CHARACTERS) ** place for place in range(_ID_LENGTH))
        return "".join(_ID_CHARACTERS[number // place % len(_ID_CHARACTERS)] for place in places)


def _draw_shown(rng, labels, num_scenes):
    """The label that each scene shows, or -1."""
    weights = _FADING ** np.arange(len(labels))
    place = np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(num_scenes))
    shown = np.asarray(labels)[np.minimum(place, len(labels) - 1)]
    return np.where(rng.random(num_scenes) < _BACKGROUND, -1, shown)


def _styles(rng, world):
    """float32 (rows, values): the style of a video is the sum of two rows."""
    styles = rng.standard_normal((_POOL_ROWS, len(world.spread)), np.float32) * np.float32((1 - _MANNERED) ** 0.5)
    manners = rng.standard_normal((_POOL_ROWS, len(world.manners)), np.float32)
    manners *= np.float32((_MANNERED / len(world.manners)) ** 0.5)
    for amount, direction in zip(manners.T, world.manners, strict=True):  # a matrix product rounds as its BLAS likes
        styles += amount[:, np.newaxis] * direction
    return styles * (world.spread * np.float32(((1 - _CLASSES_BETWEEN) / 2) ** 0.5))
