"""The weights of an ensemble: GAP of a weighted mean, and two searches for its maximum. NumPy only.

`random_search` is the paper's (Skalic & Austin, ECCV 2018, section 4.3; it prints no more than the name): weights drawn
uniformly from the simplex. `ascend` climbs GAP along one member's weight at a time. Nine video-level models on 3,425
videos of YouTube-8M, gain over equal weights (GAP 0.6753) on folds that were left out (standard deviation over
5 folds), and evaluations of GAP a search:

  random search, 300 trials                        0.0075 (0.0012)    301
  random search, 1,000 trials                      0.0080 (0.0013)  1,001
  maximum likelihood of the mixture                0.0088 (0.0007)      -
  greedy selection with replacement, 20 rounds     0.0105 (0.0010)    180
  ascend                                           0.0106 (0.0010)    200

Random search loses with the number of members: few draws from a simplex of many corners lie near a face, where members
are left out. The likelihood, convex, has one optimum that is found in 0.3 s, but the wrong one: it weighs how well
scores are calibrated, GAP how they are ranked. Greedy selection (Caruana et al., ICML 2004) does as well as `ascend`
here and worse with five weaker members (0.0106 against 0.0113), where multiples of 1/20 are too coarse.
"""

import numpy as np

from yt8m_distill.metrics.average_precision import average_precision

TOP_K = 20
SMALLEST = 1e-3  # a weight below is 0: the member is left out
_STEPS = (0.2, 0.1, 0.05, 0.025, 0.0125)  # how much of the sum a member gains or loses
_LEAST_GAIN = 1e-7  # of GAP, to take a step
_CHUNK = 4096  # videos whose best classes are found together, in cache


def gap_of(weights, predictions):
    """GAP@20 of the weighted mean of the members: what `metrics.gap` gives for it.

    Equal scores are ordered as there, by video and class. The mean is summed in float32, member by member.

    Args:
      weights: (members,), at least 0; they need not sum to 1.
      predictions: KeptPredictions.

    Returns:
      A float in [0, 1]; exact where `share_proven` is 1.
    """
    videos, kept = predictions.hits.shape
    best = [_best_keys(weights, predictions.scores[:, v : v + _CHUNK], v * kept) for v in range(0, videos, _CHUNK)]
    keys = np.concatenate(best)
    keys.sort()
    hits = predictions.hits.reshape(-1)[keys & np.uint64(0xFFFFFFFF)]
    return average_precision(hits, int(predictions.num_labels.sum()))


def weighted_mean(weights, scores):
    """float32, sum of weight * scores over the first axis; members of weight 0 are not read."""
    total = np.zeros(scores.shape[1:], np.float32)
    for weight, of_member in zip(np.asarray(weights, np.float32), scores, strict=True):
        if weight:
            total += weight * of_member
    return total


def share_proven(weights, predictions):
    """The share of videos whose 20 best classes under these weights are certain to be among those kept.

    A class that was left out has at most the weighted mean of the members' `floors`. Fewer than 20 are certain where
    none was left out.
    """
    mean, bound = weighted_mean(weights, predictions.scores), weighted_mean(weights, predictions.floors)
    if mean.shape[1] < TOP_K:
        return float(np.mean(np.isneginf(bound)))
    return float(np.mean(np.partition(mean, -TOP_K, axis=1)[:, -TOP_K] > bound))


def settled(weights):
    """float64 (members,) that sum to 1, those below `SMALLEST` of the sum exactly 0."""
    weights = np.asarray(weights, np.float64) / np.sum(weights)
    weights = np.where(weights < SMALLEST, 0.0, weights)
    return weights / weights.sum()


def equal_weights(predictions):
    """float64 (members,), all the same."""
    return np.full(predictions.num_members, 1 / predictions.num_members)


def single_weights(predictions, members=None):
    """float64 (members,): 1 for the member with the highest GAP, of `members` (indices) where given."""
    members = range(predictions.num_members) if members is None else members
    return max((np.eye(predictions.num_members)[i] for i in members), key=lambda w: gap_of(w, predictions))


def random_search(predictions, trials=1000, seed=0):
    """The best of equal weights and `trials` draws from Dirichlet(1, ..., 1), which is uniform on the simplex.

    Returns:
      float64 (members,), `settled`.
    """
    draws = np.random.default_rng(seed).dirichlet(np.ones(predictions.num_members), trials)
    return max([equal_weights(predictions), *map(settled, draws)], key=lambda w: gap_of(w, predictions))


def ascend(predictions, start=None):
    """Climbs GAP: a member's share rises or falls by a step, the others give or take in proportion; steps shrink.

    Deterministic. The result is a local optimum, up to the smallest step, and never below the start.

    Args:
      predictions: KeptPredictions.
      start: weights whose members of weight 0 stay at 0; None starts with the better of equal weights and the best
        single member, and moves all.

    Returns:
      float64 (members,), `settled`.
    """
    members = range(predictions.num_members) if start is None else np.flatnonzero(start)
    starts = [equal_weights(predictions), single_weights(predictions)] if start is None else [settled(start)]
    gap, best = max(((gap_of(weights, predictions), weights) for weights in starts), key=lambda found: found[0])
    for step in _STEPS:
        while (found := _round(predictions, best, gap, members, step))[0] > gap:
            gap, best = found
    return best


def _round(predictions, best, gap, members, step):
    """(GAP, weights) once every member has been tried, both ways."""
    for member in members:
        for change in (step, -step):
            weights = best.copy()
            weights[member] = max(weights[member] + change, 0)
            if weights[member] == best[member] or not weights.any():
                continue
            weights = settled(weights)
            tried = gap_of(weights, predictions)
            if tried > gap + _LEAST_GAIN:
                gap, best = tried, weights
                break
    return gap, best


def _best_keys(weights, scores, offset):
    """uint64 keys, in no order, of the best classes of some videos: score, descending, above position from `offset`.

    They sort as scores do, and equal scores by position.
    """
    mean = weighted_mean(weights, scores)
    keys = (np.uint32(0x7FFFFFFF) - mean.view(np.uint32)).astype(np.uint64)  # of floats of at least 0
    keys <<= np.uint64(32)
    keys |= np.arange(offset, offset + mean.size, dtype=np.uint64).reshape(mean.shape)
    if keys.shape[1] > TOP_K:
        keys.partition(TOP_K - 1, axis=1)
    return keys[:, :TOP_K].reshape(-1)
