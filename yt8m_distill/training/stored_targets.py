"""Batches of records joined with what a store of soft labels holds of their videos."""

import tensorflow as tf

from yt8m_distill.errors import InputError


def joined(dataset, store):
    """Adds the stored targets to each batch.

    Args:
      dataset: tf.data.Dataset of batches with "id" (`data.pipeline.read_batches`).
      store: `distillation.soft_labels.SoftLabels`.

    Returns:
      A tf.data.Dataset of the same batches with the keys of `SoftLabels.batch`, dtypes and shapes known.

    Raises:
      InputError: the batches have no ids.
    """
    if "id" not in dataset.element_spec:
        raise InputError("soft labels are joined by the videos' ids, and these batches have none.")
    videos = dataset.element_spec["id"].shape[0]
    signature = store.signature

    def find(ids):
        found = store.batch(ids)
        return [found[key] for key in signature]

    def join(batch):
        targets = tf.numpy_function(find, [batch["id"]], [dtype for dtype, _ in signature.values()], stateful=False)
        for (key, (_, size)), target in zip(signature.items(), targets, strict=True):
            batch[key] = tf.ensure_shape(target, [videos] if size is None else [videos, size])
        return batch

    return dataset.map(join).prefetch(1)
