"""The records of many shards as one table, as a FeatureSpec reads them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class RecordTable:
    """N records of S shards; F features in the order of a FeatureSpec.

    Attributes:
      shards: int32 (N,), which shard holds the record.
      offsets, lengths: int64 (N,), where in its shard the serialized record begins, and its bytes.
      firsts: int64 (N, F), where in its shard each feature's first frame begins.
      counts: int32 (N, F), frames of each feature.
      strides: int64 (S, F), bytes from one frame to the next.
      regular: bool (N,), whether all of this holds; other records are the parser's, which may find them wrong.
      labels, label_ends: int32, the labels of record n are `labels[label_ends[n]:label_ends[n + 1]]`.
      ids, id_ends: the same for the bytes of its id, uint8.
    """

    shards: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    firsts: np.ndarray
    counts: np.ndarray
    strides: np.ndarray
    regular: np.ndarray
    labels: np.ndarray
    label_ends: np.ndarray
    ids: np.ndarray
    id_ends: np.ndarray

    def __len__(self):
        return len(self.shards)

    def ids_of(self, records):
        """A list of bytes."""
        ends = zip(self.id_ends[records].tolist(), self.id_ends[records + 1].tolist(), strict=True)
        return [self.ids[begin:end].tobytes() for begin, end in ends]

    def labels_of(self, records):
        """A list of int32 arrays."""
        ends = zip(self.label_ends[records].tolist(), self.label_ends[records + 1].tolist(), strict=True)
        return [self.labels[begin:end] for begin, end in ends]


def record_table(indexes, spec, labelled=True):
    """Joins the ShardIndexes of several shards into a RecordTable for `spec`.

    Args:
      indexes: ShardIndexes.
      spec: FeatureSpec. A record that lacks one of its features, or whose frames have another size, is not regular.
      labelled: whether the labels are read; one past the classes then makes a record irregular.
    """
    columns = [_columns(index, spec) for index in indexes]
    lengths, label_ends = _joined([index.label_ends for index in indexes])
    _, id_ends = _joined([index.id_ends for index in indexes])
    labels = np.concatenate([index.labels for index in indexes])
    regular = np.concatenate([column[3] for column in columns])
    if labelled:
        row = np.repeat(np.arange(len(lengths)), lengths)
        regular[row[(labels < 0) | (labels >= spec.num_classes)]] = False
    return RecordTable(
        shards=np.repeat(np.arange(len(indexes), dtype=np.int32), [len(index) for index in indexes]),
        offsets=np.concatenate([index.offsets for index in indexes]),
        lengths=np.concatenate([index.lengths for index in indexes]),
        firsts=np.concatenate([column[0] for column in columns]),
        counts=np.concatenate([column[1] for column in columns]),
        strides=np.stack([column[2] for column in columns]),
        regular=regular,
        labels=labels,
        label_ends=label_ends,
        ids=np.concatenate([index.ids for index in indexes]),
        id_ends=id_ends,
    )


def _columns(index, spec):
    """(firsts, counts, strides, regular) of the features of `spec` in one shard."""
    place = {name: column for column, name in enumerate(index.names.tolist())}
    if any(name not in place for name in spec.names):
        records, features = len(index), len(spec.names)
        nothing = np.zeros((records, features), np.int64)
        return nothing, nothing.astype(np.int32), np.ones(features, np.int64), np.zeros(records, bool)
    columns = [place[name] for name in spec.names]
    firsts, counts = index.firsts[:, columns], index.counts[:, columns]
    fits = (index.sizes[columns] == spec.sizes) | (counts == 0)
    return firsts, counts, index.strides[columns], index.regular & (firsts >= 0).all(axis=1) & fits.all(axis=1)


def _joined(ends):
    """The `ends` of several shards: (entries of every record, where they end in the joined array, from 0)."""
    lengths = np.concatenate([np.diff(end) for end in ends])
    return lengths, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
