"""What the steps since the last row of metrics.csv have seen, kept in the checkpoint with everything else."""

import tensorflow as tf

from yt8m_distill.metrics.evaluation import EvaluationMetrics
from yt8m_distill.metrics.top_k import TopK


class RecentSteps(tf.Module):
    """Losses and reduced predictions of up to `slots` steps, as variables.

    A run that is stopped between two rows and resumed then writes the row that it would have written.

    Args:
      slots: steps of a row.
      batch_size, num_classes: of a step's predictions.
      loss_parts: names of what a step's loss is the sum of, where it has parts.
      top_k: scores kept of each video.
    """

    def __init__(self, slots, batch_size, num_classes, loss_parts=(), top_k=20):
        super().__init__()
        k = min(top_k, num_classes)
        parts = {
            "scores": ((batch_size, k), tf.float32),
            "hits": ((batch_size, k), tf.bool),
            "classes": ((batch_size, k), tf.int32),
            "num_labels": ((batch_size,), tf.int32),
            "hit_at_1": ((batch_size,), tf.float32),
            "perr": ((batch_size,), tf.float32),
            "positives": ((1, num_classes), tf.int32),
            "losses": ((2 + len(loss_parts),), tf.float32),
        }
        self.slots = slots
        self.loss_names = ("loss", "penalty", *loss_parts)
        self.parts = {
            name: tf.Variable(tf.zeros((slots, *shape), dtype), trainable=False, name=name)
            for name, (shape, dtype) in parts.items()
        }

    def put(self, step, losses, reduced):
        """Keeps what step number `step` (from 1) returned: float32 (2 + parts,) and its TopK."""
        slot = (step - 1) % self.slots
        positives = tf.reduce_sum(reduced.positives, axis=0, keepdims=True)  # one row a replica
        values = {**reduced._asdict(), "positives": positives, "losses": losses}
        for name, value in values.items():
            self.parts[name][slot].assign(value)

    def logs(self, step):
        """Means over the steps since the last multiple of `slots`: loss, penalty, its parts, gap, hit_at_1 and perr."""
        count = (step - 1) % self.slots + 1
        values = {name: part[:count].numpy() for name, part in self.parts.items()}
        losses = values.pop("losses").mean(axis=0, dtype="float64").tolist()
        metrics = EvaluationMetrics()
        metrics.update_top_k(TopK(**{name: value.reshape(-1, *value.shape[2:]) for name, value in values.items()}))
        results = metrics.result()
        gap = {key: float(results[key]) for key in ("gap", "hit_at_1", "perr")}
        return dict(zip(self.loss_names, losses, strict=True)) | gap
