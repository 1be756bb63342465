"""A part of a data set as shards of its own."""

import math
import os

import tensorflow as tf


def share_of(shards, share, output_dir):
    """Copies that part of the records of every shard, evenly spread over it.

    Args:
      shards: paths of TFRecord files.
      share: number in (0, 1].
      output_dir: its folder "records/shareN" gets a file for each shard, unless it holds it.

    Returns:
      Paths of the copies, in the order of the shards.
    """
    folder = os.path.join(output_dir, "records", f"share{round(100 * share)}")
    os.makedirs(folder, exist_ok=True)
    return tuple(_copy(path, share, os.path.join(folder, os.path.basename(path))) for path in shards)


def _copy(source, share, target):
    if not os.path.exists(target):
        with tf.io.TFRecordWriter(f"{target}.partial") as writer:
            for number, record in enumerate(tf.data.TFRecordDataset(source)):
                if math.floor((number + 1) * share) > math.floor(number * share):
                    writer.write(record.numpy())
        os.replace(f"{target}.partial", target)
    return target
