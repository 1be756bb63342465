"""Distances between a teacher's outputs and a student's. Pure functions; float32 scalars.

Source: Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019, and its code
(shwetabhardwaj44/EfficientVideoClassification).
"""

from keras import ops

# Under the logarithm only. Far below what float32 scores normalised over thousands of classes come to.
_FLOOR = 1e-30


def representation_loss(teacher, student):
    """L_rep: mean over videos of the squared distance between two representations.

    `mean_b sum_j (teacher[b, j] - student[b, j])^2`. A batch without videos gives 0.

    Args:
      teacher, student: (batch, d).
    """
    difference = ops.cast(teacher, "float32") - ops.cast(student, "float32")
    return _mean_over_videos(ops.sum(ops.square(difference)), difference)


def prediction_loss(teacher, student, reduction="sum"):
    """L_pred: Kullback-Leibler divergence KL(P || Q) in nats, of scores divided by their sum over the classes.

    `sum_b sum_v P[b, v] log(P[b, v] / Q[b, v])`, P from the teacher. A class that the teacher gives 0 adds 0, one that
    the student alone gives 0 adds a large finite number, and a video with no score above 0 adds 0 where it is the
    teacher's.

    Args:
      teacher, student: (batch, classes) scores of at least 0.
      reduction: "sum" over the batch, as the authors' code has it, or "mean", which does not grow with the batch.

    Raises:
      ValueError: another reduction.
    """
    if reduction not in ("sum", "mean"):
        raise ValueError(f"reduction must be 'sum' or 'mean'. Received: {reduction=}")
    p, q = _distribution(teacher), _distribution(student)
    divergence = ops.sum(p * (ops.log(ops.maximum(p, _FLOOR)) - ops.log(ops.maximum(q, _FLOOR))))
    return divergence if reduction == "sum" else _mean_over_videos(divergence, p)


def _distribution(scores):
    scores = ops.cast(scores, "float32")
    return scores / ops.maximum(ops.sum(scores, axis=-1, keepdims=True), _FLOOR)


def _mean_over_videos(total, batch):
    return total / ops.maximum(ops.cast(ops.shape(batch)[0], "float32"), 1.0)
