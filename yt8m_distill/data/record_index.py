"""Where every record of a shard lies, found in one pass that checks every checksum, tag and stride.

Some 70 bytes a record: offsets, numbers of frames, labels and id. A record is then read without being parsed
(`mapped_records.py`), found by its id, and drawn in any order.
"""

import collections
import dataclasses
import mmap
import os

import numpy as np

from yt8m_distill.data.record_checks import read_records
from yt8m_distill.data.record_layout import FrameRun, IrregularRecordError, RecordLayout, record_layout

_HEADER, _FOOTER = 12, 4  # bytes of a TFRecord before its data (length, checksum) and behind it (checksum)
_UNKNOWN = RecordLayout(b"", [], {})
_MISSING = FrameRun(-1, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class ShardIndex:
    """The N records of one shard and the F features of their frames.

    Attributes:
      names: str (F,).
      sizes, strides: int64 (F,), bytes of a frame, and from one frame to the next.
      offsets, lengths: int64 (N,), where each serialized record begins in the file, and its bytes.
      firsts: int64 (N, F), where in the file each feature's first frame begins; -1 where the feature is missing.
      counts: int32 (N, F), frames.
      regular: bool (N,), False for records that only the parser can read; their other numbers mean nothing.
      labels, label_ends: int32, the labels of record n are `labels[label_ends[n]:label_ends[n + 1]]`.
      ids, id_ends: the same for the bytes of its id, uint8.
    """

    names: np.ndarray
    sizes: np.ndarray
    strides: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    firsts: np.ndarray
    counts: np.ndarray
    regular: np.ndarray
    labels: np.ndarray
    label_ends: np.ndarray
    ids: np.ndarray
    id_ends: np.ndarray

    def __len__(self):
        return len(self.offsets)

    def find(self, video_id):
        """Numbers of the records with this id (a string), ascending; records that are not regular have none."""
        wanted, ids = video_id.encode(errors="surrogateescape"), self.ids.tobytes()
        ends = zip(self.id_ends[:-1].tolist(), self.id_ends[1:].tolist(), strict=True)
        return [number for number, (begin, end) in enumerate(ends) if ids[begin:end] == wanted]


def build_index(path):
    """Reads a whole local, uncompressed shard.

    Returns:
      Its ShardIndex.

    Raises:
      RecordError: the file is missing, damaged or no TFRecord file; names the record.
    """
    lengths = _record_lengths(path)
    offsets = np.cumsum(lengths + _HEADER + _FOOTER) - lengths - _FOOTER
    layouts = _layouts(path, offsets, lengths)
    regular = np.array([layout is not None for layout in layouts], bool)
    layouts = [layout or _UNKNOWN for layout in layouts]
    names = sorted({name for layout in layouts for name in layout.runs})
    # (N, F, 4): first, count, size, stride
    runs = [[layout.runs.get(name, _MISSING) for name in names] for layout in layouts]
    runs = np.array(runs, np.int64).reshape(len(layouts), len(names), 4)
    shapes = np.array([_most_frequent(runs[:, feature, 2:]) for feature in range(len(names))]).reshape(-1, 2)
    alike = (runs[:, :, 2:] == shapes).all(axis=2) | (runs[:, :, 1] == 0)
    labels, label_ends = _joined([layout.labels for layout in layouts], np.int32)
    ids, id_ends = _joined([list(layout.video_id) for layout in layouts], np.uint8)
    return ShardIndex(
        names=np.array(names, str),
        sizes=shapes[:, 0],
        strides=shapes[:, 1],
        offsets=offsets,
        lengths=lengths,
        firsts=runs[:, :, 0],
        counts=runs[:, :, 1].astype(np.int32),
        regular=regular & alike.all(axis=1),
        labels=labels,
        label_ends=label_ends,
        ids=ids,
        id_ends=id_ends,
    )


def _record_lengths(path):
    """int64 (N,), the bytes of every record, after TensorFlow has compared its checksums."""
    import tensorflow as tf

    if not os.path.getsize(path):
        return np.zeros(0, np.int64)
    try:
        lengths = tf.data.TFRecordDataset(path).map(tf.strings.length).batch(1024)
        return np.concatenate([*lengths.as_numpy_iterator()]).astype(np.int64)
    except (tf.errors.OpError, ValueError):
        collections.deque(read_records(path), maxlen=0)  # says which record is damaged
        raise


def _layouts(path, offsets, lengths):
    """A RecordLayout a record; None where it is irregular."""
    if not len(offsets):
        return []
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        places = zip(offsets.tolist(), (offsets + lengths).tolist(), strict=True)
        return [_layout_or_none(content, begin, end) for begin, end in places]


def _layout_or_none(content, begin, end):
    try:
        return record_layout(content, begin, end)
    except IrregularRecordError:
        return None


def _most_frequent(shapes):
    """The (size, stride) that most records with frames have; zeros where none has any."""
    found, counts = np.unique(shapes[shapes[:, 0] > 0], axis=0, return_counts=True)
    return found[counts.argmax()] if len(found) else np.zeros(2, np.int64)


def _joined(rows, dtype):
    """Lists as one array, and where each of them ends in it, from 0."""
    ends = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return np.array([value for row in rows for value in row], dtype), ends
