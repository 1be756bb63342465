"""Stored predictions of teachers, joined to batches by video id: rows by NumPy, dense targets by keras.ops.

The target of Skalic & Austin, "Building a Size Constrained Predictive Model for Video Classification", ECCV 2018
workshops, equation 2; their data set of soft labels is a copy of the records with all scores in it.
"""

import numpy as np
from keras import ops

from yt8m_distill.distillation.soft_label_files import read_rows, read_settings, row_dtype, store_checksum
from yt8m_distill.errors import InputError


class SoftLabels:
    """A store of soft labels, read into memory: as many bytes as its files have. Used by several threads at once.

    Args:
      directory: the store, as `tfrecords_tools.soft_labels` writes it.

    Attributes:
      settings: its StoreSettings.
      checksum: SHA-256 of store.json, which holds that of every other file.

    Raises:
      InputError: there is no store, a file of it is missing or damaged, or a video stands in it twice.
    """

    def __init__(self, directory):
        self.settings, shards = read_settings(directory)
        self.checksum = store_checksum(directory)
        self._rows = _joined_rows(directory, shards, self.settings)
        self._order = np.argsort(self._rows["id"], kind="stable")
        self._sorted_ids = self._rows["id"][self._order]
        _require_unique(self._sorted_ids, self._order, directory, shards)

    def __len__(self):
        """Videos."""
        return len(self._rows)

    @property
    def signature(self):
        """{key: (dtype, size or None)} of what `batch` returns: arrays (batch, size), or (batch,) where it is None."""
        row = self._rows.dtype
        keys = {
            "teacher_classes": (np.int32, row["classes"].shape[0]),
            "teacher_scores": (np.float32, row["scores"].shape[0]),
            "teacher_rest": (np.float32, None),
            "teacher_known": (np.float32, None),
        }
        if self.settings.representation_size:
            keys["teacher_representation"] = (np.float32, self.settings.representation_size)
        return keys

    def rows(self, ids):
        """Which row of the store each video is: int64 (batch,), -1 where it is unknown.

        Args:
          ids: (batch,) bytes.
        """
        ids = np.asarray(ids, "S")
        if not len(self):
            return np.full(len(ids), -1)
        place = np.minimum(np.searchsorted(self._sorted_ids, ids), len(self) - 1)
        return np.where(self._sorted_ids[place] == ids, self._order[place], -1)

    def count_unmatched(self, ids):
        """How many of the videos the store does not hold."""
        return int(np.count_nonzero(self.rows(ids) < 0))

    def batch(self, ids):
        """What the store holds of these videos; zeros for those that it does not hold.

        Args:
          ids: (batch,) bytes.

        Returns:
          "teacher_classes" int32 (batch, K) and "teacher_scores" float32 (batch, K), best first; "teacher_rest" float32
          (batch,), the sum of the other scores; "teacher_known" float32 (batch,), 1 or 0; where the store has them
          "teacher_representation" float32 (batch, d). A store of full vectors has K = classes scores, in the order of
          the classes, and "teacher_classes" (batch, 0).
        """
        rows = self.rows(ids)
        known = rows >= 0
        held = np.zeros(len(rows), self._rows.dtype)
        held[known] = self._rows[rows[known]]
        parts = {name: held[name] for name in held.dtype.names} | {"known": known}
        return {key: parts[key.removeprefix("teacher_")].astype(dtype) for key, (dtype, _) in self.signature.items()}


def dense_scores(classes, scores, rest, num_classes):
    """Stored scores as one target for all classes; the rest is spread evenly over the classes that were not kept.

    Args:
      classes: int32 (batch, K), all different where scores are not 0; not looked at where K is `num_classes`.
      scores: float32 (batch, K).
      rest: float32 (batch,).

    Returns:
      float32 (batch, num_classes). Full vectors are returned as they are.
    """
    kept = scores.shape[-1]
    if kept == num_classes:
        return scores
    row = ops.broadcast_to(ops.arange(ops.shape(scores)[0], dtype="int32")[:, None], ops.shape(scores))
    indices = ops.reshape(ops.stack([row, ops.cast(classes, "int32")], axis=-1), (-1, 2))
    share = ops.cast(rest, "float32")[:, None] / (num_classes - kept)
    even = ops.broadcast_to(share, (ops.shape(scores)[0], num_classes))
    return ops.scatter_update(even, indices, ops.reshape(ops.cast(scores, "float32"), (-1,)))


def _joined_rows(directory, shards, settings):
    """The rows of all files, one after the other."""
    sizes = [read_rows(directory, shard, settings, mapped=True).dtype["id"].itemsize for shard in shards.values()]
    joined = np.empty(sum(shard.videos for shard in shards.values()), row_dtype(settings, max(sizes, default=1)))
    begin = 0
    for shard in shards.values():
        joined[begin : begin + shard.videos] = read_rows(directory, shard, settings)
        begin += shard.videos
    return joined


def _require_unique(sorted_ids, order, directory, shards):
    twice = np.flatnonzero(sorted_ids[1:] == sorted_ids[:-1])
    if not len(twice):
        return
    ends = np.cumsum([shard.videos for shard in shards.values()])
    first, second = (
        list(shards)[np.searchsorted(ends, row, "right")] for row in sorted(order[twice[0] : twice[0] + 2])
    )
    raise InputError(
        f"{directory} holds {len(twice)} videos twice: {sorted_ids[twice[0]].decode(errors='replace')} stands in "
        f"{first} and in {second}. Remove {second}.npy and run tfrecords_tools.soft_labels again without {second}."
    )
