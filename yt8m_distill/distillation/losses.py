"""Distances between a teacher's outputs and a student's, one number a video. Pure functions; float32 (batch,).

The sum or the mean over the batch is the caller's. Source: Bhardwaj et al., "Efficient Video Classification Using Fewer
Frames", CVPR 2019, and its code (shwetabhardwaj44/EfficientVideoClassification).
"""

from keras import ops

from yt8m_distill.losses import cross_entropy

# Under the logarithm only. Far below what float32 scores normalised over thousands of classes come to.
_FLOOR = 1e-30


def representation_loss(teacher, student):
    """L_rep (equation 2): squared distance between two representations, `sum_j (teacher[j] - student[j])^2`.

    Args:
      teacher, student: (batch, d).
    """
    difference = ops.cast(teacher, "float32") - ops.cast(student, "float32")
    return ops.sum(ops.square(difference), axis=-1)


def prediction_loss(teacher, student, distance="kl", output="sigmoid"):
    """L_pred (equation 4): the distance between two predictions.

    Args:
      teacher, student: (batch, classes), both softened alike (`mixture.soften`).
      distance: "kl", `normalised_divergence`, as the authors' code; "bernoulli_kl", `bernoulli_divergence`;
        "squared_error", `squared_error`; "cross_entropy", that of soft labels (Skalic & Austin 2018, equation 2; summed
        over classes, as the starter code's).
      output: "sigmoid": every class is a yes or no; "softmax": the classes of a video sum to 1, and its cross entropy
        is `-sum_v P[v] log Q[v]` (Wu et al. 2019, equation 7; summed over classes).

    Raises:
      ValueError: another distance.
    """
    if distance not in _DISTANCES:
        raise ValueError(f"distance must be one of {', '.join(_DISTANCES)}. Received: {distance=}")
    if distance == "cross_entropy" and output == "softmax":
        return categorical_cross_entropy(teacher, student)
    return _DISTANCES[distance](teacher, student)


def normalised_divergence(teacher, student):
    """Kullback-Leibler divergence KL(P || Q) in nats, of scores divided by their sum over the classes.

    `sum_v P[v] log(P[v] / Q[v])`, P from the teacher. A class that the teacher gives 0 adds 0, one that the student
    alone gives 0 adds a large finite number, and a video with no score above 0 adds 0 where it is the teacher's.
    """
    p, q = _distribution(teacher), _distribution(student)
    return ops.sum(p * (_log(p) - _log(q)), axis=-1)


def bernoulli_divergence(teacher, student):
    """Sum over classes of `p log(p / q) + (1 - p) log((1 - p) / (1 - q))`, p from the teacher."""
    p, q = ops.cast(teacher, "float32"), ops.cast(student, "float32")
    return ops.sum(p * (_log(p) - _log(q)) + (1 - p) * (_log(1 - p) - _log(1 - q)), axis=-1)


def squared_error(teacher, student):
    """Sum over classes of the squared difference."""
    return representation_loss(teacher, student)


def categorical_cross_entropy(teacher, student):
    """`-sum_v P[v] log Q[v]` of distributions over the classes."""
    return -ops.sum(ops.cast(teacher, "float32") * _log(ops.cast(student, "float32")), axis=-1)


_DISTANCES = {
    "kl": normalised_divergence,
    "bernoulli_kl": bernoulli_divergence,
    "squared_error": squared_error,
    "cross_entropy": cross_entropy,
}


def _distribution(scores):
    scores = ops.cast(scores, "float32")
    return scores / ops.maximum(ops.sum(scores, axis=-1, keepdims=True), _FLOOR)


def _log(values):
    return ops.log(ops.maximum(values, _FLOOR))
