"""tf.train.Example and tf.train.SequenceExample written as bytes, straight from NumPy arrays.

The protocol-buffer library needs an object and several copies for every frame; here a frame is copied once.
"""

import numpy as np

_LENGTH_DELIMITED = 2


def example(features):
    """Returns the bytes of a tf.train.Example.

    Args:
      features: {name: values}; bytes (one string), int64 or float32 arrays.
    """
    return b"".join(_field(1, _features(features)))


def sequence_example(context, frames):
    """Returns the bytes of a tf.train.SequenceExample.

    Args:
      context: {name: values}, as in `example`.
      frames: {name: uint8 (num_frames, size)}; each frame becomes one string of bytes.
    """
    lists = []
    for name, rows in frames.items():
        lists += _field(1, *_field(1, name.encode()), *_field(2, _feature_list(rows)))
    return b"".join([*_field(1, _features(context)), *_field(2, *lists)])


def _field(number, *payload):
    """The pieces of one length-delimited field whose payload is given in pieces."""
    return [bytes([number << 3 | _LENGTH_DELIMITED]) + _varint(sum(map(len, payload))), *payload]


def _features(features):
    entries = []
    for name, values in features.items():
        entries += _field(1, *_field(1, name.encode()), *_field(2, _feature(values)))
    return b"".join(entries)


def _feature(values):
    if isinstance(values, bytes):
        kind, payload = 1, _field(1, values)
    elif values.dtype == np.float32:
        kind, payload = 2, _field(1, values.astype("<f4").tobytes())
    else:
        kind, payload = 3, _field(1, b"".join(_varint(value % 2**64) for value in values.tolist()))
    return b"".join(_field(kind, *payload))


def _feature_list(rows):
    """Every frame is the same few bytes of protocol followed by its codes."""
    count, size = rows.shape
    string = b"".join(_field(1, bytes(size)))
    prefix = b"".join(_field(1, *_field(1, string)))[:-size]
    out = np.empty((count, len(prefix) + size), np.uint8)
    out[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    out[:, len(prefix) :] = rows
    return out.tobytes()


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
