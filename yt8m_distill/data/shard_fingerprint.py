"""Whether a shard holds the records that it held before."""

import hashlib
import os
import struct

import tensorflow as tf

from yt8m_distill.data.record_checks import RecordError
from yt8m_distill.data.shards import is_mappable

_CHUNK = 1 << 22  # bytes read together


def shard_fingerprint(path):
    """(bytes of the file, fingerprint): equal for shards that hold the same records in the same order.

    Of local, uncompressed files "records:" and the SHA-256 over the length and the two CRC-32C that a TFRecord file
    keeps of every record: 20 bytes a record are read, not the frames. Bytes that change without their CRC are found by
    whoever reads the record. Of others "file:" and the SHA-256 over the whole file.

    Raises:
      RecordError: the file cannot be read, or ends within a record.
    """
    try:
        return _of_records(path) if is_mappable(path) else _of_file(path)
    except tf.errors.OpError as error:
        raise RecordError(path, None, f"it cannot be read: {(error.message or str(error)).splitlines()[0]}") from error
    except OSError as error:
        raise RecordError(path, None, f"it cannot be read: {error.strerror}.") from error


def _of_records(path):
    # A TFRecord: length (8 bytes), its checksum (4), that many bytes, their checksum (4).
    digest, number, position = hashlib.sha256(), 0, 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while position < size:
            header = os.pread(file.fileno(), 12, position)
            end = position + 16 + struct.unpack("<Q", header[:8])[0] if len(header) == 12 else size + 1
            if end > size:
                raise RecordError(path, number, "the file ends within it: fetch or write it again.")
            digest.update(header + os.pread(file.fileno(), 4, end - 4))
            number, position = number + 1, end
    return size, f"records:{digest.hexdigest()}"


def _of_file(path):
    digest, size = hashlib.sha256(), 0
    with tf.io.gfile.GFile(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, f"file:{digest.hexdigest()}"
