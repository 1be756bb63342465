"""Labels and lengths of synthetic videos, drawn as they are distributed in YouTube-8M (2018). NumPy only."""

import numpy as np

# Training videos of the class of each rank, out of _VIDEOS; in between the curve is straight on log-log axes.
_RANKS = (1, 2, 3, 10, 30, 100, 300, 1000, 2000, 3000, 3862)
_COUNTS = (788288, 539945, 415890, 156226, 55411, 14962, 5126, 1148, 416, 221, 123)
_VIDEOS = 3_888_919

# P(1..10 labels), then a tail that halves with each further label up to 20: mean 3.01.
_LABEL_COUNTS = (0.246, 0.226, 0.187, 0.154, 0.089, 0.047, 0.025, 0.013, 0.007, 0.003)
MAX_LABELS = 20

# Length in seconds at these quantiles; the records hold the first 300 seconds.
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_SECONDS = (119, 129, 173, 234, 315, 455, 501)
RECORDED_SECONDS = 300

# A child nearly always brings its parent: P(class 0 | class 1) = .906, some of it by chance.
_PARENT_IMPLIED = 0.95
_HAS_PARENT = 0.5
_PARENT_ALONE = 0.2  # at least this share of a parent's draws is its own
_CANDIDATES = 32
_MOST = 0.97  # with few classes the first would be in every set
_FIT_STEPS = 30


def class_shares(num_classes):
    """Returns float64 (num_classes,): the share of the videos that carry each class, most frequent first."""
    ranks = np.log(np.arange(1, num_classes + 1))
    return np.exp(np.interp(ranks, np.log(_RANKS), np.log(_COUNTS))) / _VIDEOS


def draw_num_frames(rng, count, length_scale=1.0, min_frames=1, max_frames=RECORDED_SECONDS):
    """Returns int64 (count,): frames, one a second, of the first 300 seconds of each video times `length_scale`."""
    seconds = np.minimum(np.interp(rng.random(count), _QUANTILES, _SECONDS), RECORDED_SECONDS)
    return np.clip(np.rint(seconds * length_scale), min_frames, max_frames).astype(np.int64)


class LabelSampler:
    """Draws sets of labels with the right class frequencies, set sizes and co-occurrence.

    Half of the classes have a parent, a more frequent class that their videos nearly always carry as well (as "Video
    game", class 1, has "Game", class 0). A video's labels are drawn one by one, each with its parent, until the set is
    full; where there is room for one more, a pair is passed over.

    Args:
      num_classes: classes, most frequent first.
      world_rng: numpy Generator that settles who is whose parent.

    Attributes:
      parents: int64 (num_classes,), the parent of each class or -1; always parents[c] < c, and a parent has none.
    """

    def __init__(self, num_classes, world_rng):
        set_sizes = _label_count_distribution(num_classes)
        shares = class_shares(num_classes)
        mean_size = set_sizes @ np.arange(1, len(set_sizes) + 1)
        self.parents = _draw_parents(shares, world_rng)
        weights = _fit_weights(np.minimum(shares * mean_size / shares.sum(), _MOST), self.parents, set_sizes)
        self._cumulative = np.cumsum(weights) / np.sum(weights)
        self._set_size_cumulative = np.cumsum(set_sizes)

    def draw(self, rng, count):
        """Returns a list of `count` tuples of different classes."""
        sizes = _pick(self._set_size_cumulative, rng.random(count)) + 1
        classes = _pick(self._cumulative, rng.random((count, _CANDIDATES)))
        parents = np.where(rng.random(classes.shape) < _PARENT_IMPLIED, self.parents[classes], -1)
        pairs = np.stack([classes, parents], axis=-1).tolist()
        return [_fill(row, size) for row, size in zip(pairs, sizes.tolist(), strict=True)]


def _fill(pairs, size):
    chosen = []
    for pair in pairs:
        new = [label for label in pair if label >= 0 and label not in chosen]
        if len(chosen) + len(new) <= size:
            chosen += new
        if len(chosen) == size:
            break
    # Where all candidates of a set of one bring a parent, the first one stands alone.
    return tuple(chosen or pairs[0][:1])


def _pick(cumulative, uniform):
    return np.minimum(np.searchsorted(cumulative, uniform, side="right"), len(cumulative) - 1)


def _label_count_distribution(num_classes):
    tail = 0.5 ** np.arange(1, MAX_LABELS - len(_LABEL_COUNTS) + 1)
    counts = np.concatenate([_LABEL_COUNTS, tail * (1 - sum(_LABEL_COUNTS)) / tail.sum()])
    most = min(num_classes, MAX_LABELS)
    counts[most - 1] += counts[most:].sum()
    return counts[:most] / counts[:most].sum()


def _draw_parents(shares, world_rng):
    """Returns int64 (num_classes,): the parent of each class or -1; no parent is all but used up by its children."""
    chance, choice = world_rng.random(len(shares)), world_rng.random(len(shares))
    parents, room = np.full(len(shares), -1), (1 - _PARENT_ALONE) * shares
    for child in range(1, len(shares)):
        implied = _PARENT_IMPLIED * shares[child]
        able = np.where((parents[:child] < 0) & (room[:child] >= implied), room[:child], 0)
        if (child == 1 or chance[child] < _HAS_PARENT) and able.any():
            parents[child] = _pick(np.cumsum(able) / able.sum(), choice[child])
            room[parents[child]] -= implied
    return parents


def _fit_weights(target, parents, set_sizes):
    """Returns the weights with which classes must be drawn for sets to hold them with the shares `target`.

    A class that comes up at rate r is in a set by time t with probability 1 - exp(-r t), and a set is full when these
    add up to its size; a set of one has no room for a child with its parent. The weights are improved step by step.
    """
    weights, times = target.copy(), np.geomspace(0.05, 500, 100)
    has_parent = parents >= 0
    alone = np.where(has_parent, 1 - _PARENT_IMPLIED, 1.0)
    for _ in range(_FIT_STEPS):
        implied = np.bincount(parents[has_parent], weights[has_parent], len(weights))
        rates = weights + _PARENT_IMPLIED * implied
        sizes = np.array([-np.expm1(-rates * time).sum() for time in times])
        full = np.interp(np.arange(2, len(set_sizes) + 1), sizes, times)
        held = set_sizes[0] * weights * alone / np.sum(weights * alone)
        held += sum(share * -np.expm1(-rates * time) for share, time in zip(set_sizes[1:], full, strict=True))
        weights *= target / held
    return weights
