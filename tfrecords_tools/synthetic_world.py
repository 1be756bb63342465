"""What all synthetic videos of one world share: its classes, how they look, how features are spread. NumPy only."""

import zlib

import numpy as np

from tfrecords_tools.synthetic_labels import LabelSampler

# Standard deviation of the video means over the dimensions, from the first (0) to the last (1), measured on real
# video-level records. Names that hold "audio" are audio, all others are spread like rgb.
_AUDIO_SPREAD = ((0, 0.05, 0.1, 0.2, 0.5, 1), (0.957, 0.847, 0.788, 0.716, 0.655, 0.624))
_RGB_SPREAD = ((0, 0.1, 0.2, 0.5, 1), (0.65, 0.532, 0.48, 0.448, 0.405))

_KINSHIP = 0.5  # share of a child's look that is its parent's
_MANNERS = 32


class World:
    """What all splits share: which classes there are, how often, who goes with whom, and how they look.

    Args:
      names, sizes: the features and their values per frame.
      num_classes: classes, most frequent first.
      seed: two worlds of the same seed, features and classes are the same.

    Attributes:
      sampler: the LabelSampler.
      spread: float32 (sum of sizes,), standard deviation of the video means in each dimension.
      manners: float32 (32, sum of sizes), the directions in which videos of any class differ most.
      looks: float32 (num_classes, sum of sizes), what a class adds to a frame that shows it with strength 1.
    """

    def __init__(self, names=("rgb", "audio"), sizes=(1024, 128), num_classes=3862, seed=0):
        rng = generator("world", seed)
        self.names, self.sizes = tuple(names), tuple(sizes)
        self.sampler = LabelSampler(num_classes, rng)
        self.spread = np.concatenate([spread_of_means(name, size) for name, size in zip(names, sizes, strict=True)])
        self.manners = rng.standard_normal((_MANNERS, sum(sizes)), np.float32)
        own = rng.standard_normal((num_classes, sum(sizes)), np.float32) * self.spread
        self.looks = own.copy()
        children = np.flatnonzero(self.sampler.parents >= 0)
        self.looks[children] *= np.float32((1 - _KINSHIP) ** 0.5)
        self.looks[children] += np.float32(_KINSHIP**0.5) * own[self.sampler.parents[children]]


def spread_of_means(name, size):
    """Returns float32 (size,): the standard deviation of the video means in each dimension of a feature."""
    places, values = _AUDIO_SPREAD if "audio" in name else _RGB_SPREAD
    return np.interp(np.arange(size) / max(size - 1, 1), places, values).astype(np.float32)


def generator(*key):
    """Returns a Generator that depends on these words and numbers alone, not on the machine or the version of NumPy."""
    entropy = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
