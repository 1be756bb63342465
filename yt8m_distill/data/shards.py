"""Which files a pattern means."""

import contextlib
import functools
import os
import struct

import tensorflow as tf

from yt8m_distill.errors import InputError


def find_shards(pattern, flag="--input_data_pattern"):
    """The files that match a pattern, sorted by name.

    Args:
      pattern: one or more globs, separated by commas; any path that `tf.io.gfile` opens (local, and s3://, hdfs://,
        az:// with tensorflow-io installed).
      flag: the flag that gave the pattern, named in the error.

    Raises:
      InputError: the pattern is empty, matches nothing, names a directory, or is of a file system that does not answer.
    """
    parts = [part.strip() for part in (pattern or "").split(",") if part.strip()]
    if not parts:
        raise InputError(f"{flag} is empty: give the TFRecord files to read, such as 'data/train*.tfrecord'.")
    return sorted({path for part in parts for path in _matches(part, flag)})


def _matches(pattern, flag):
    if "://" in pattern:
        # Importing tensorflow-io, where it is installed and fits this TensorFlow, registers its file systems.
        with contextlib.suppress(ImportError):
            import tensorflow_io  # noqa: F401
    try:
        paths = tf.io.gfile.glob(pattern)
    except tf.errors.OpError as error:
        reason = " ".join((error.message or str(error)).split())
        raise InputError(f"{flag}={pattern} cannot be listed: {reason}") from error
    if not paths:
        raise InputError(f"{flag}={pattern}: no file matches; quote the pattern and check the folder.")
    for path in paths:
        if tf.io.gfile.isdir(path):
            raise InputError(
                f"{flag}={pattern}: {path} is a directory; name its files, such as '{path.rstrip('/')}/*.tfrecord'."
            )
    return paths


def is_mappable(path):
    """Whether a shard can be memory-mapped: a local file that is not compressed."""
    return "://" not in path and not _is_compressed(path)


def serialized_records(paths, num_readers=None):
    """A tf.data.Dataset of the serialized records of TFRecord files; those whose names end in .gz are unpacked.

    Args:
      paths: files of any file system, at least one.
      num_readers: files read side by side, a record of each in turn; None for one after the other.
    """
    parts = [
        tf.data.TFRecordDataset(
            group,
            compression_type="GZIP" if compressed else None,
            num_parallel_reads=num_readers and min(num_readers, len(group)),
        )
        for compressed, group in _by_compression(paths).items()
    ]
    return functools.reduce(tf.data.Dataset.concatenate, parts)


def _by_compression(paths):
    groups = {}
    for path in paths:
        groups.setdefault(_is_compressed(path), []).append(path)
    return groups


def _is_compressed(path):
    return path.endswith(".gz")


def count_records(shards):
    """How many records the shards hold: exact for local files, from one length field to the next; else an estimate.

    A damaged shard is counted up to where it makes sense; reading it will tell.
    """
    groups = {}
    for path in shards:
        groups.setdefault((is_mappable(path), _is_compressed(path)), []).append(path)
    return sum(sum(map(_count_local, group)) if local else _estimate(group) for (local, _), group in groups.items())


def _count_local(path):
    # A TFRecord: length (8 bytes), its checksum (4), that many bytes, their checksum (4).
    count = position = 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while position + 16 <= size:
            position += 16 + struct.unpack("<Q", os.pread(file.fileno(), 8, position))[0]
            count += position <= size
    return count


def _estimate(shards, sample=64):
    """From the records of the first shard: all of them where it is compressed, which is all that tells their size."""
    records = serialized_records(shards[:1])
    try:
        if _is_compressed(shards[0]):
            sample = sum(1 for _ in records.as_numpy_iterator())
            sampled = tf.io.gfile.stat(shards[0]).length
        else:
            sizes = [len(record) + 16 for record in records.take(sample).as_numpy_iterator()]
            sample, sampled = len(sizes), sum(sizes)
        total = sum(tf.io.gfile.stat(path).length for path in shards)
    except tf.errors.OpError:
        return 0
    return round(total * sample / sampled) if sampled else 0
