"""Where the bytes of a frame-level record lie, found in the wire format of protocol buffers. NumPy only.

All frames of a feature are strings of one length, so the useful bytes of consecutive frames lie a constant stride apart
(1033 for 1024 bytes, 137 for 128): frame t is `data[first + t * stride :][:size]`.
"""

from typing import NamedTuple

import numpy as np

_DELIMITED_1, _DELIMITED_2 = 0x0A, 0x12  # tags of the fields 1 and 2, length-delimited
_BYTES_LIST, _INT64_LIST = 0x0A, 0x1A
_ID_KEYS = (b"id", b"video_id")


class IrregularRecordError(Exception):
    """The record is not laid out as writers of YouTube-8M do it, or is none: the parser has to tell."""


class FrameRun(NamedTuple):
    """The frames of one feature of a record.

    Attributes:
      first: where the first frame's bytes begin.
      count: number of frames.
      size: bytes of a frame; 0 where there is none.
      stride: bytes from one frame to the next.
    """

    first: int
    count: int
    size: int
    stride: int


class RecordLayout(NamedTuple):
    """What an index keeps of one record.

    Attributes:
      video_id: the id's bytes, b"" where there is none.
      labels: its labels, in order.
      runs: {feature name: FrameRun}.
    """

    video_id: bytes
    labels: list[int]
    runs: dict[str, FrameRun]


def record_layout(data, begin, end):
    """The layout of the serialized frame-level SequenceExample data[begin:end].

    Args:
      data: bytes, or anything that slices to bytes and has a buffer.
      begin, end: integers.

    Returns:
      A RecordLayout, its places counted from the start of `data`. Reading the record by it gives what TensorFlow's
      parser gives.

    Raises:
      IrregularRecordError: anything else than one context and one list of features, each string, list and map entry
        in the usual form, and every frame of a feature of one size.
    """
    try:
        parts = _fields(data, begin, end, (_DELIMITED_1, _DELIMITED_2))
        (context,) = [part for tag, *part in parts if tag == _DELIMITED_1]
        (lists,) = [part for tag, *part in parts if tag == _DELIMITED_2]
        values = _map(data, *context)
        ids = {key: _string(data, *values[key]) for key in _ID_KEYS if key in values}
        labels = _integers(data, *values[b"labels"]) if b"labels" in values else []
        runs = {name.decode(): _frame_run(data, *place) for name, place in _map(data, *lists).items()}
    except (ValueError, IndexError) as error:
        raise IrregularRecordError from error
    return RecordLayout(ids.get(b"id") or ids.get(b"video_id", b""), labels, runs)


def _varint(data, position):
    """(value, position behind it)."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _fields(data, position, end, tags):
    """[(tag, start, stop)] of the length-delimited fields that fill data[position:end]; only `tags` may stand there."""
    fields = []
    while position < end:
        tag, (length, start) = data[position], _varint(data, position + 1)
        position = start + length
        if tag not in tags or position > end:
            raise IrregularRecordError
        fields.append((tag, start, position))
    return fields


def _map(data, start, stop):
    """{key: (start, stop) of its value} of a map field whose entries are a key and then a value."""
    places = {}
    for _, entry, end in _fields(data, start, stop, (_DELIMITED_1,)):
        (first, *key), (second, *value) = _fields(data, entry, end, (_DELIMITED_1, _DELIMITED_2))
        name = data[slice(*key)]
        if (first, second) != (_DELIMITED_1, _DELIMITED_2) or name in places:
            raise IrregularRecordError
        places[name] = value
    return places


def _only_field(data, start, stop, tag):
    ((_, start, stop),) = _fields(data, start, stop, (tag,))
    return start, stop


def _string(data, start, stop):
    """The bytes of a Feature that is one string."""
    return data[slice(*_only_field(data, *_only_field(data, start, stop, _BYTES_LIST), _DELIMITED_1))]


def _integers(data, start, stop):
    """The integers of a Feature that is a packed list of them."""
    start, stop = _only_field(data, start, stop, _INT64_LIST)
    if start == stop:
        return []
    position, stop = _only_field(data, start, stop, _DELIMITED_1)
    values = []
    while position < stop:
        value, position = _varint(data, position)
        values.append(value)
    if position != stop or max(values, default=0) >= 2**31:
        raise IrregularRecordError
    return values


def _frame_run(data, start, stop):
    """The FrameRun of a FeatureList: every Feature is one string, all of one size."""
    if start == stop:
        return FrameRun(start, 0, 0, 0)
    tag, (length, place) = data[start], _varint(data, start + 1)
    stride = place + length - start
    (first, end) = _only_field(data, *_only_field(data, place, start + stride, _BYTES_LIST), _DELIMITED_1)
    count, rest = divmod(stop - start, stride)
    if tag != _DELIMITED_1 or end != start + stride or rest:
        raise IrregularRecordError
    frames = np.frombuffer(data, np.uint8, stop - start, start).reshape(count, stride)
    if (frames[:, : first - start] != frames[0, : first - start]).any():
        raise IrregularRecordError
    return FrameRun(first, count, end - first, stride)
