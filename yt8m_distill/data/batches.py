"""What the parts of a batch mean to a model and to a loss."""

import tensorflow as tf


def input_signature(spec):
    """TensorSpecs of what a model takes: any number of videos, any number of frames."""
    if not spec.has_frames:
        return {name: tf.TensorSpec([None, size], tf.float32, name) for name, size in spec.size_by_name.items()}
    frames = {name: tf.TensorSpec([None, None, size], tf.uint8, name) for name, size in spec.size_by_name.items()}
    return {**frames, "num_frames": tf.TensorSpec([None], tf.int32, "num_frames")}


def model_inputs(batch, spec):
    """The part of a batch that a model sees: its features and, at frame level, num_frames."""
    return {key: batch[key] for key in ([*spec.names, "num_frames"] if spec.has_frames else spec.names)}


def multi_hot(labels, num_classes, values=None):
    """Sparse labels to dense ones, on the device that needs them.

    Args:
      labels: int32 (batch, L), padded with -1.
      values: float32 (batch, L), at least 0, what to write at each label; 1 when None.

    Returns:
      float32 (batch, num_classes).
    """
    valid = tf.cast(labels >= 0, tf.float32)
    values = valid if values is None else values * valid
    row = tf.broadcast_to(tf.range(tf.shape(labels)[0])[:, tf.newaxis], tf.shape(labels))
    index = tf.stack([row, tf.maximum(labels, 0)], axis=-1)
    return tf.tensor_scatter_nd_max(tf.zeros([tf.shape(labels)[0], num_classes]), index, values)


def dense_labels(batch, spec):
    """(labels, rated) of a batch: float32 (batch, classes) labels; at segment level 1 where a class was rated.

    `rated` is None at the other levels, where every class counts.
    """
    if spec.level != "segment":
        return multi_hot(batch["labels"], spec.num_classes), None
    labels = multi_hot(batch["labels"], spec.num_classes, batch["label_scores"])
    return labels, multi_hot(batch["labels"], spec.num_classes)
