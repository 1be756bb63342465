"""What the metrics need from a batch of predictions, reduced where the predictions are."""

from typing import Any, NamedTuple

from keras import ops

# Wide enough for the labels of almost every video; a batch with a video of more labels is sorted in full.
_PERR_WIDTH = 32


class TopK(NamedTuple):
    """A batch of (batch, classes) predictions after `reduce_top_k`, as tensors or as arrays.

    Every field grows along its first axis, so the parts of several replicas are joined by concatenation.

    Attributes:
      scores: float32 (batch, k), descending. A video whose predictions hold NaN has NaN everywhere.
      hits: bool (batch, k), whether the class of the score is a label of the video.
      classes: int32 (batch, k), class of the score, or -1 where a video has fewer than k rated classes.
      num_labels: int32 (batch,), labels of the video, inside or outside the top k.
      hit_at_1: float32 (batch,), 1 where the first highest score belongs to a label, else 0.
      perr: float32 (batch,), precision among the `num_labels` highest scores, 0 for a video without labels.
      positives: int32 (1, classes), videos of the batch that have the class as a label.
    """

    scores: Any
    hits: Any
    classes: Any
    num_labels: Any
    hit_at_1: Any
    perr: Any
    positives: Any


def reduce_top_k(labels, predictions, top_k=20, rated=None):
    """Keeps the top-k scores of each video, and what cannot be told from them.

    Runs eagerly or inside a compiled step, so that a step returns (batch, k) tensors and not (batch, classes) ones.
    Equal scores are ordered by class, the lower class first.

    Args:
      labels: (batch, classes), above 0 where the class is a label.
      predictions: (batch, classes) scores; compared as float32.
      top_k: scores kept of each video; k = min(top_k, classes).
      rated: optional (batch, classes), 0 where the class was not rated for the row (segment level). These entries
        leave the ranking before the top k is taken and count as no labels.

    Returns:
      A `TopK`.
    """
    predictions = ops.cast(predictions, "float32")
    positive = ops.cast(labels, "float32") > 0
    in_ranking = None if rated is None else ops.cast(rated, "bool")
    if in_ranking is not None:
        positive = ops.logical_and(positive, in_ranking)
        predictions = ops.where(in_ranking, predictions, -float("inf"))
    # A sort may lose a NaN among the numbers; spread over its row, it cannot be missed.
    has_nan = ops.any(ops.isnan(predictions), axis=-1, keepdims=True)
    predictions = ops.where(has_nan, float("nan"), predictions)

    num_classes = predictions.shape[-1]
    k = min(top_k, num_classes)
    num_labels = ops.sum(ops.cast(positive, "int32"), axis=-1)
    width = min(max(k, _PERR_WIDTH), num_classes)
    scores, classes = ops.top_k(predictions, width, sorted=True)
    classes = ops.cast(classes, "int32")
    hits = ops.take_along_axis(positive, classes, axis=-1)
    if in_ranking is not None:
        classes = ops.where(ops.take_along_axis(in_ranking, classes, axis=-1), classes, -1)
    return TopK(
        scores=scores[:, :k],
        hits=hits[:, :k],
        classes=classes[:, :k],
        num_labels=num_labels,
        hit_at_1=ops.cast(hits[:, 0], "float32"),
        perr=_perr(scores, hits, num_labels, positive, predictions),
        positives=ops.sum(ops.cast(positive, "int32"), axis=0, keepdims=True),
    )


def _perr(scores, hits, num_labels, positive, predictions):
    """PERR of each video from its highest scores, or from all of them when a video has more labels than that."""
    width, num_classes = scores.shape[-1], predictions.shape[-1]
    if width == num_classes:
        return _precision_among_first(num_labels, scores, hits)

    def from_all():
        all_scores, order = ops.top_k(predictions, num_classes, sorted=True)
        return _precision_among_first(num_labels, all_scores, ops.take_along_axis(positive, order, axis=-1))

    return ops.cond(
        ops.max(num_labels, initial=0) <= width,
        lambda: _precision_among_first(num_labels, scores, hits),
        from_all,
    )


def _precision_among_first(num_labels, scores, hits):
    """Positives with a score above 0 among the first `num_labels` ranks, over `num_labels`."""
    counted = ops.arange(scores.shape[-1], dtype="int32")[None, :] < num_labels[:, None]
    counted = ops.logical_and(ops.logical_and(hits, scores > 0), counted)
    found = ops.sum(ops.cast(counted, "float32"), axis=-1)
    return found / ops.cast(ops.maximum(num_labels, 1), "float32")
