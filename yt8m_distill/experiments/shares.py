"""A part of a data set as shards of its own."""

import hashlib
import math
import os

import tensorflow as tf

from yt8m_distill.data.shards import count_records


def share_of(shards, share, output_dir):
    """Copies that part of the records, evenly spread over all of them.

    Args:
      shards: paths of TFRecord files.
      share: number in (0, 1].
      output_dir: its folder "records/shareN-X", X of the shards' paths, gets a file for each shard, unless it holds it.

    Returns:
      Paths of the copies, in the order of the shards.
    """
    origin = hashlib.sha256("\n".join(map(os.path.abspath, shards)).encode()).hexdigest()[:8]
    folder = os.path.join(output_dir, "records", f"share{round(100 * share)}-{origin}")
    os.makedirs(folder, exist_ok=True)
    copies, first = [], 0
    for path in shards:
        copies.append(os.path.join(folder, os.path.basename(path)))
        if not os.path.exists(copies[-1]):
            _copy(path, first, share, copies[-1])
        first += count_records([path])
    return tuple(copies)


def _copy(source, first, share, target):
    """`first` is the number of the source's first record among those of all shards."""
    with tf.io.TFRecordWriter(f"{target}.partial") as writer:
        for number, record in enumerate(tf.data.TFRecordDataset(source), start=first):
            if math.floor((number + 1) * share) > math.floor(number * share):
                writer.write(record.numpy())
    os.replace(f"{target}.partial", target)
