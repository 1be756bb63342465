"""In which order the records of several shards are read. NumPy only."""

import itertools

import numpy as np

_WINDOW = 16  # batches that are sorted together
_BUCKETS = 1  # tells this use of a seed from others


def shuffled_order(num_records, seed, epoch):
    """A permutation of all records, another one for every seed and epoch: int64 (num_records,)."""
    return np.random.default_rng([seed, epoch]).permutation(num_records)


def bucketed_order(order, lengths, batch_size, seed, epoch):
    """`order`, changed so that videos of like length share a batch and little of a batch is padding.

    Every 16 batches on end are sorted by length, cut into batches again and shuffled batch by batch: a batch holds what
    chance and its length put there, and a video moves by 16 batches at most. The records behind the last full batch
    stay where they are, so that those left out of a pass are no longer and no shorter than others.

    Args:
      order: int64 (N,), numbers of records.
      lengths: int (records,), frames of every record.
      batch_size: records a batch.
      seed, epoch: of the shuffled batches.

    Returns:
      int64 (N,).
    """
    random = np.random.default_rng([seed, epoch, _BUCKETS])
    full = len(order) // batch_size * batch_size
    parts = []
    for begin in range(0, full, _WINDOW * batch_size):
        part = order[begin : min(begin + _WINDOW * batch_size, full)]
        batches = part[np.argsort(lengths[part], kind="stable")].reshape(-1, batch_size)
        parts.append(random.permutation(batches).ravel())
    return np.concatenate([*parts, order[full:]])


def interleaved_order(counts, num_readers):
    """The order in which `tf.data.TFRecordDataset(shards, num_parallel_reads=num_readers)` reads.

    One record of each of the first `num_readers` shards in turn; when one of these has ended, the next shard takes its
    place and waits for its turn.

    Args:
      counts: records of each shard.
      num_readers: shards read side by side.

    Returns:
      int64 (sum of counts,): records are numbered through all shards, in the order of the shards.
    """
    ends = np.cumsum(counts).tolist()
    shards = iter([range(end - count, end) for count, end in zip(counts, ends, strict=True)])
    open_shards = [iter(shard) for shard in itertools.islice(shards, num_readers)]
    order = []
    while open_shards:
        following = []
        for shard in open_shards:
            record = next(shard, None)
            if record is not None:
                order.append(record)
                following.append(shard)
            else:
                following += [iter(shard) for shard in itertools.islice(shards, 1)]
        open_shards = following
    return np.array(order, np.int64)
