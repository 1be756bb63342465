"""In which order the records of several shards are read. NumPy only."""

import itertools

import numpy as np


def shuffled_order(num_records, seed, epoch):
    """A permutation of all records, another one for every seed and epoch: int64 (num_records,)."""
    return np.random.default_rng([seed, epoch]).permutation(num_records)


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
