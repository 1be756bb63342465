"""The losses of the starter code: sums over the classes of each video. The mean over the batch is the caller's.

Each takes labels (batch, classes) in [0, 1], hard or soft, and the model's outputs (batch, classes), computes in
float32 and returns float32 (batch,). Source: losses.py of https://github.com/google/youtube-8m.
"""

from keras import ops


def cross_entropy(labels, predictions, label_weights=None, epsilon=1e-5):
    """Sum over classes of -(y log(p + epsilon) + (1 - y) log(1 - p + epsilon)) (CrossEntropyLoss).

    Args:
      labels: (batch, classes).
      predictions: (batch, classes) probabilities.
      label_weights: optional (batch, classes), multiplies each term; 0 for classes that were not rated.
      epsilon: keeps the logarithm finite; 1e-5 in the starter code.
    """
    labels, predictions = ops.cast(labels, "float32"), ops.cast(predictions, "float32")
    terms = labels * ops.log(predictions + epsilon) + (1 - labels) * ops.log(1 - predictions + epsilon)
    if label_weights is not None:
        terms = terms * ops.cast(label_weights, "float32")
    return -ops.sum(terms, axis=-1)


def hinge(labels, predictions, b=1.0):
    """Sum over classes of max(0, b - (2y - 1) s) (HingeLoss), for scores s with the boundary at 0 and margin b."""
    labels, predictions = ops.cast(labels, "float32"), ops.cast(predictions, "float32")
    return ops.sum(ops.relu(b - (2 * labels - 1) * predictions), axis=-1)


def softmax_cross_entropy(labels, predictions):
    """-sum over classes of y / max(sum y, 1e-7) * log softmax(s) (SoftmaxLoss); 0 for a video without labels."""
    labels, predictions = ops.cast(labels, "float32"), ops.cast(predictions, "float32")
    target = labels / ops.maximum(ops.sum(labels, axis=-1, keepdims=True), 1e-7)
    return -ops.sum(target * ops.log_softmax(predictions, axis=-1), axis=-1)


# By the values of the starter code's flag --label_loss.
LOSSES = {"CrossEntropyLoss": cross_entropy, "HingeLoss": hinge, "SoftmaxLoss": softmax_cross_entropy}
