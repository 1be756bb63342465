"""The metrics written out slowly and plainly, straight from their definitions, for random cases without ties."""

import numpy as np


def kept(labels, predictions, top_k, rated=None):
    """[(score, hit, video, class)] of the top k of each video."""
    entries = []
    for video, row in enumerate(predictions):
        allowed = [c for c in range(len(row)) if rated is None or rated[video][c]]
        best = sorted(allowed, key=lambda c: -row[c])[:top_k]
        entries += [(row[c], labels[video][c] > 0, video, c) for c in best]
    return entries


def average_precision(entries, num_positives, top_n=None):
    """Of (score, hit, ...) entries."""
    if num_positives == 0:
        return 0.0
    found, total = 0, 0.0
    for rank, entry in enumerate(sorted(entries, key=lambda e: -e[0])[:top_n], start=1):
        if entry[1]:
            found += 1
            total += found / rank
    return total / (num_positives if top_n is None else min(num_positives, top_n))


def gap(labels, predictions, top_k, rated=None):
    counted = labels if rated is None else labels * rated
    return average_precision(kept(labels, predictions, top_k, rated), int((counted > 0).sum()))


def per_class(labels, predictions, top_k, top_n=None, rated=None):
    """{class: average precision} of classes with a positive."""
    entries = kept(labels, predictions, top_k, rated)
    counted = labels if rated is None else labels * rated
    positives = {c: int((counted[:, c] > 0).sum()) for c in range(labels.shape[1])}
    return {
        c: average_precision([e for e in entries if e[3] == c], total, top_n) for c, total in positives.items() if total
    }


def perr(labels, predictions):
    values = []
    for truth, row in zip(labels, predictions, strict=True):
        wanted = int((truth > 0).sum())
        best = sorted(range(len(row)), key=lambda c: -row[c])[:wanted]
        values.append(sum(truth[c] > 0 and row[c] > 0 for c in best) / wanted if wanted else 0.0)
    return float(np.mean(values))


def hit_at_one(labels, predictions):
    return float(np.mean([truth[row.argmax()] > 0 for truth, row in zip(labels, predictions, strict=True)]))
