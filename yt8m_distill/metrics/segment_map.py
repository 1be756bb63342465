"""MAP@K over rated segments, the metric of the YouTube-8M 2019 (video understanding) challenge."""

from typing import NamedTuple

import numpy as np

from yt8m_distill.metrics.average_precision import average_precision


class SegmentMap(NamedTuple):
    """Attributes:
    value: mean of `per_class`, NaN when it is empty.
    per_class: {class: average precision} of the classes that count, in ascending order.
    """

    value: float
    per_class: dict


def segment_map(submission, ratings, top_n=100_000, classes=None):
    """MAP@K of ranked segments.

    Each class's list is cut to its first `top_n` segments; then segments that were not rated for the class leave the
    list, as do repetitions of a segment. The class scores its average precision, with every segment rated positive
    as a positive, submitted or not. Classes without a segment rated positive do not count.

    segment_eval_inference.py of the starter code, which this follows, stops at the submission's own header and at a
    class without positives, and never matches the last segment of a line.

    Args:
      submission: {class: segment ids `id:start`, best first}.
      ratings: iterable of (segment id, class, score), the score above 0 for a positive. Of a segment rated twice
        for a class the last rating holds.
      top_n: K.
      classes: the classes of the mean; one that is not in the submission scores 0. None means those submitted, as
        in the starter code.

    Returns:
      A `SegmentMap`.
    """
    rated = {}
    for segment, label, score in ratings:
        rated.setdefault(int(label), {})[segment] = score > 0
    per_class = {}
    for label in sorted(submission if classes is None else classes):
        positive = rated.get(label, {})
        total = sum(positive.values())
        if total:
            ranked = dict.fromkeys(submission.get(label, ())[:top_n])
            hits = [positive[segment] for segment in ranked if segment in positive]
            per_class[label] = average_precision(hits, total)
    value = float(np.mean(list(per_class.values()))) if per_class else float("nan")
    return SegmentMap(value, per_class)
