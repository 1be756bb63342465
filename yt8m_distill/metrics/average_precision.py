"""Average precision of ranked lists. NumPy only, vectorised, nothing random.

Of a list with P positives: AP = 1/P * sum over the positives, at rank r, of (positives up to r) / r.
P may exceed the positives in the list: those that never entered the ranking cannot be found, and lower the value.
"""

import numpy as np

# Entries that are grouped by class at a time: they stay in cache, and memory does not grow with the list.
_CHUNK = 1 << 18


def descending_order(scores):
    """Indices that put scores (n,) in descending order; equal scores keep their order of arrival."""
    if scores.dtype != np.float32:
        return np.argsort(-scores, kind="stable")
    # One sort of 64-bit keys, score above position, takes half the time of a stable argsort.
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0 makes -0.0 and 0.0 equal
    del scores  # a caller that hands over its only reference has the memory back before the keys are made
    np.bitwise_xor(bits, np.uint32(0x7FFFFFFF), out=bits, where=bits < 1 << 31)
    keys = bits.astype(np.uint64)
    del bits
    keys <<= np.uint64(32)
    keys |= np.arange(len(keys), dtype=np.uint32)
    keys.sort()
    keys &= np.uint64(0xFFFFFFFF)
    return keys.view(np.int64)


def average_precision(hits, num_positives=None, top_n=None):
    """AP of one list.

    Args:
      hits: (n,) in ranking order, non-zero where the entry is a positive.
      num_positives: P, the positives that exist; None counts those in the list.
      top_n: the list is cut to its first `top_n` entries and P to at most `top_n`.

    Returns:
      A float in [0, 1]; 0 for an empty list and where P is 0.
    """
    hits = np.asarray(hits, bool)
    total = int(hits.sum() if num_positives is None else num_positives)
    hits = hits[:top_n]
    total = total if top_n is None else min(total, top_n)
    ranks = np.flatnonzero(hits) + 1
    precisions = np.arange(1, len(ranks) + 1) / ranks
    return float(precisions.sum() / total) if total else 0.0


def average_precision_per_class(hits, classes, positives, top_n=None):
    """AP of each class over its own part of one ranking.

    Args:
      hits: (n,) in ranking order, non-zero where the entry is a positive.
      classes: (n,) class of each entry.
      positives: (num_classes,) positives that exist of each class, in the list or not.
      top_n: as in `average_precision`, for each class.

    Returns:
      float64 (num_classes,), NaN for classes without a positive.
    """
    totals = np.asarray(positives, np.int64)
    totals = totals if top_n is None else np.minimum(totals, top_n)
    entries, found, sums = (np.zeros(len(totals), dtype) for dtype in (np.int64, np.int64, np.float64))
    for begin in range(0, len(hits), _CHUNK):
        chunk, hit = classes[begin : begin + _CHUNK], np.asarray(hits[begin : begin + _CHUNK], bool)
        ranks = _numbers_in_class(chunk, entries)[hit]
        precisions = _numbers_in_class(chunk[hit], found) / ranks
        if top_n is not None:
            precisions[ranks > top_n] = 0
        sums += np.bincount(chunk[hit], weights=precisions, minlength=len(totals))
    return np.where(totals > 0, sums / np.maximum(totals, 1), np.nan)


def _numbers_in_class(classes, before):
    """Number of each entry among those of its class, from 1 + before[class]; adds the entries to `before`."""
    # Sorting the smallest integers that hold a class is a radix sort.
    order = np.argsort(classes.astype(np.min_scalar_type(len(before))), kind="stable")
    counts = np.bincount(classes, minlength=len(before))
    numbers = np.empty(len(classes), np.int64)
    numbers[order] = np.arange(1, len(classes) + 1) - np.repeat(np.cumsum(counts) - counts - before, counts)
    before += counts
    return numbers
