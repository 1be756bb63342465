"""Batches of frame-level records copied from memory-mapped shards, without parsing them."""

import functools

import numpy as np
import tensorflow as tf

from yt8m_distill.data.index_cache import file_stamp, index_shards
from yt8m_distill.data.mapped_files import MappedFiles
from yt8m_distill.data.record_order import interleaved_order
from yt8m_distill.data.record_table import record_table
from yt8m_distill.data.records import parse_frames
from yt8m_distill.data.recycled_memory import RecycledMemory
from yt8m_distill.data.sampling import fixed_positions, random_positions, video_keys
from yt8m_distill.spec import MISSING_BYTE

_KEPT = 8  # data sets whose tables are remembered
# One of each for the process: training and the evaluation between two epochs share them.
_FILES, _MEMORY = MappedFiles(), RecycledMemory()


def mapped_records(shards, spec, labelled=True):
    """The MappedRecords of these shards as they are now: made anew only where one of them has changed."""
    return _mapped_records(tuple(shards), tuple(map(file_stamp, shards)), spec, labelled)


@functools.lru_cache(_KEPT)
def _mapped_records(shards, stamps, spec, labelled):
    return MappedRecords(shards, stamps, spec, labelled)


class MappedRecords:
    """Frame-level records of local, uncompressed shards, any of them at any time.

    The frames of a record are copied once, from the page cache to the batch; of a video that is sampled only the chosen
    frames are touched. Records whose layout the index does not know are parsed, so that a batch is bit for bit what
    `records.parse_frames` makes of the same records. Used by several threads at once.

    Args:
      shards: paths.
      stamps: `file_stamp` of each.
      spec: FeatureSpec of frame level.
      labelled: False leaves labels unread.

    Attributes:
      table: the RecordTable.
      num_frames: int32 (records,), frames of each video in a batch; of no meaning for records that are parsed.

    Raises:
      RecordError: a shard is missing or damaged.
    """

    def __init__(self, shards, stamps, spec, labelled=True):
        self.table = record_table(index_shards(shards, stamps), spec, labelled)
        self._shards, self._stamps, self._spec, self._labelled = shards, stamps, spec, labelled
        self._lengths = np.minimum(self.table.counts[:, 0], spec.max_frames)
        self._fixed = None
        if spec.sampled_frames and spec.frame_sampler != "random":
            self._fixed = fixed_positions(spec.frame_sampler, spec.max_frames, spec.frame_limit)
        self.num_frames = np.minimum(self._lengths, spec.frame_limit)
        if self._fixed is not None:
            self.num_frames = (self._fixed >= 0).sum(axis=1, dtype=np.int32)[self._lengths]

    def order(self, num_readers):
        """The order in which that many readers would parse the shards; see `interleaved_order`."""
        counts = np.bincount(self.table.shards, minlength=len(self._shards)).tolist()
        return interleaved_order(counts, num_readers)

    def signature(self, batch_size=None):
        """{key: tf.TensorSpec} of a batch, in order."""
        frames = {
            name: tf.TensorSpec([batch_size, None, size], tf.uint8) for name, size in self._spec.size_by_name.items()
        }
        numbers = {"num_frames": tf.TensorSpec([batch_size], tf.int32), "id": tf.TensorSpec([batch_size], tf.string)}
        labels = {"labels": tf.TensorSpec([batch_size, None], tf.int32)} if self._labelled else {}
        return {**frames, **numbers, **labels}

    def batch(self, records, seed=None, epoch=0):
        """The batch contract for the records of these numbers, as NumPy arrays.

        Args:
          records: int64 (batch,), at least one.
          seed, epoch: of the frames that are drawn at random, see `sampling.video_keys`.

        Returns:
          What `records.parse_frames` returns; `id` is an array of bytes objects.

        Raises:
          tf.errors.InvalidArgumentError: a record that cannot be read as the spec says.
          RecordError: a shard is not as it was when it was indexed.
        """
        irregular = np.flatnonzero(~self.table.regular[records]).tolist()
        parsed = {row: self._parse(records[row], seed, epoch) for row in irregular}
        num_frames = self.num_frames[records]
        ids, labels = self.table.ids_of(records), self.table.labels_of(records)
        for row, example in parsed.items():
            num_frames[row], ids[row] = example["num_frames"][0], example["id"][0]
            labels[row] = example["labels"][0] if self._labelled else []
        positions = self._positions(records, ids, seed, epoch) if self._spec.sampled_frames else None
        batch = {}
        for feature, name in enumerate(self._spec.names):
            given = {row: example[name][0] for row, example in parsed.items()}
            batch[name] = self._feature(feature, records, num_frames, positions, given)
        _FILES.count_read(int(self.table.lengths[records].sum()))
        batch |= {"num_frames": num_frames, "id": np.array(ids, object)}
        return batch | {"labels": _padded(labels)} if self._labelled else batch

    def _content(self, shard):
        return _FILES.content(self._shards[shard], self._stamps[shard])

    def _positions(self, records, ids, seed, epoch):
        """Frames to copy of each record, int32 (batch, k); of no meaning for records that are parsed."""
        lengths, spec = self._lengths[records], self._spec
        if self._fixed is not None:
            return self._fixed[lengths]
        return random_positions(video_keys(ids, seed, epoch), lengths, spec.max_frames, spec.frame_limit)

    def _parse(self, record, seed, epoch):
        """One record by the parser: the batch contract, as NumPy arrays of one example."""
        begin, length = self.table.offsets[record], self.table.lengths[record]
        serialized = self._content(self.table.shards[record])[begin : begin + length]
        parsed = parse_frames(tf.constant([serialized]), self._spec, self._labelled, seed=seed, epoch=epoch)
        return {key: value.numpy() for key, value in parsed.items()}

    def _feature(self, feature, records, num_frames, positions, given):
        """One feature, uint8 (batch, most frames, size): rows of `given` {row: frames} as they are, others copied."""
        size, longest = self._spec.sizes[feature], int(num_frames.max())
        frames = _MEMORY.empty((len(records), longest, size), len(records) * self._spec.frame_limit * size)
        available = self.table.counts[records, feature]
        available[list(given)] = 0
        if positions is None:
            present = self._copy_all(frames, feature, records, available)
        else:
            present = self._copy_sampled(frames, feature, records, available, positions[:, :longest])
        for row, rows in given.items():
            frames[row, : len(rows)] = rows
            present[row] = len(rows)
        for row in np.flatnonzero(present < longest).tolist():
            frames[row, present[row] : num_frames[row]] = MISSING_BYTE
            frames[row, num_frames[row] :] = 0
        return frames

    def _copy_all(self, frames, feature, records, available):
        """Copies the first frames of each record, as many as the video has; returns how many these are, (batch,)."""
        table, shards, size = self.table, self.table.shards[records], self._spec.sizes[feature]
        present = np.minimum(available, self._lengths[records])
        firsts, counts = table.firsts[records, feature].tolist(), present.tolist()
        for shard in np.unique(shards).tolist():
            content, stride = self._content(shard), int(table.strides[shard, feature])
            for row in np.flatnonzero(shards == shard).tolist():
                if count := counts[row]:
                    frames[row, :count] = np.ndarray((count, size), np.uint8, content, firsts[row], (stride, 1))
        return present

    def _copy_sampled(self, frames, feature, records, available, positions):
        """Copies the frames at `positions` of each record; returns how many these are, (batch,)."""
        table, shards, size = self.table, self.table.shards[records], self._spec.sizes[feature]
        inside = (positions >= 0) & (positions < available[:, None])
        places = table.firsts[records, feature, None] + positions * table.strides[shards, feature, None]
        for shard in np.unique(shards).tolist():
            rows = np.flatnonzero(shards == shard)
            content = self._content(shard)
            # Row i of this view is the `size` bytes from place i on.
            windows = np.ndarray((max(len(content) - size + 1, 0), size), np.uint8, content, 0, (1, 1))
            if inside[rows].all():
                frames[rows] = windows[places[rows]]
            else:
                row, step = np.nonzero(inside[rows])
                frames[rows[row], step] = windows[places[rows[row], step]]
        return inside.sum(axis=1)


def _padded(labels):
    """Lists of labels as int32 (batch, most labels), padded with -1."""
    padded = np.full((len(labels), max(map(len, labels))), -1, np.int32)
    for row, values in enumerate(labels):
        padded[row, : len(values)] = values
    return padded
