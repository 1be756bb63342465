"""One serialized record in words: its layout, id, labels and sizes, found without being told what to expect."""

import dataclasses

import numpy as np

from yt8m_distill.errors import InputError

_ID_KEYS = ("id", "video_id")


@dataclasses.dataclass(frozen=True)
class Segments:
    """The rated segments of one video, one entry of each tuple a rating.

    Attributes:
      start_times: first second of each segment.
      labels: the class rated in it.
      scores: 1.0 where the class is shown, 0.0 where not.
    """

    start_times: tuple[int, ...]
    labels: tuple[int, ...]
    scores: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class RecordDescription:
    """What one record holds.

    Attributes:
      level: "frame", "video" or "segment".
      id_key: context key under which the id was found, None where there is none.
      id: the id, "" where there is none.
      labels: classes of the video, as they stand in the record.
      num_frames: {feature: frames}; empty at video level.
      sizes: {feature: bytes of its first frame}, or {feature: floats} at video level. A frame that is not exactly
        one string of bytes counts as 0 bytes.
      irregular_sizes: {feature: the different bytes per frame, ascending}, for features whose frames differ in size.
      not_finite: {feature: number of NaN or infinite values}, for video-level features that have any.
      segments: the ratings of a segment-level record, else None.
    """

    level: str
    id_key: str | None
    id: str
    labels: tuple[int, ...]
    num_frames: dict[str, int]
    sizes: dict[str, int]
    irregular_sizes: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    not_finite: dict[str, int] = dataclasses.field(default_factory=dict)
    segments: Segments | None = None


def parse_record(serialized):
    """Parses a record of any layout as tf.train.SequenceExample.

    An Example has its features where a SequenceExample has its context, so one message reads both: an Example is a
    SequenceExample without feature lists.

    Raises:
      InputError: the bytes are neither.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        message = tf.train.SequenceExample.FromString(serialized)
    except DecodeError:
        message = None
    if message is None or not (message.context.feature or message.feature_lists.feature_list):
        raise InputError(
            f"its {len(serialized)} bytes are neither a tf.train.Example nor a tf.train.SequenceExample with features."
        )
    return message


def describe_record(serialized):
    """Returns the `RecordDescription` of one serialized record; InputError if it is no Example or SequenceExample."""
    message = parse_record(serialized)
    context = message.context.feature
    frame_lists = {name: _frame_sizes(value) for name, value in sorted(message.feature_lists.feature_list.items())}
    means = {} if frame_lists else _float_features(context)
    id_key = _find_id_key(context)
    segmented = bool(frame_lists) and "segment_start_times" in context
    return RecordDescription(
        level="segment" if segmented else "frame" if frame_lists else "video",
        id_key=id_key,
        id="" if id_key is None else context[id_key].bytes_list.value[0].decode("utf-8", "replace"),
        labels=_integers(context, "labels"),
        num_frames={name: len(sizes) for name, sizes in frame_lists.items()},
        sizes={name: sizes[0] if sizes else 0 for name, sizes in frame_lists.items()}
        | {name: len(values) for name, values in means.items()},
        irregular_sizes={name: tuple(sorted(set(sizes))) for name, sizes in frame_lists.items() if len(set(sizes)) > 1},
        not_finite={name: n for name, values in means.items() if (n := int(np.sum(~np.isfinite(values))))},
        segments=_segments(context) if segmented else None,
    )


def _frame_sizes(feature_list):
    strings = [frame.bytes_list.value for frame in feature_list.feature]
    return [len(values[0]) if len(values) == 1 else 0 for values in strings]


def _float_features(context):
    return {
        name: np.asarray(context[name].float_list.value, np.float32)
        for name in sorted(context)
        if context[name].WhichOneof("kind") == "float_list"
    }


def _find_id_key(context):
    """`id`, else `video_id`, else the only feature that is one string of bytes."""
    strings = [name for name in sorted(context) if len(context[name].bytes_list.value) == 1]
    known = [name for name in _ID_KEYS if name in strings]
    return known[0] if known else strings[0] if len(strings) == 1 else None


def _integers(context, name):
    return tuple(context[name].int64_list.value) if name in context else ()


def _segments(context):
    scores = context["segment_scores"].float_list.value if "segment_scores" in context else ()
    return Segments(_integers(context, "segment_start_times"), _integers(context, "segment_labels"), tuple(scores))
