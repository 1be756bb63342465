"""Serialized records to uint8 tensors: the three layouts of YouTube-8M, and AudioSet's.

Frame level: SequenceExample, one byte string a frame and feature. Video level: Example with float means.
Segment level (2019): frame level plus `segment_start_times`, `segment_labels`, `segment_scores`.
The id is read from the context key `id` or `video_id`, whichever the record has.
"""

import tensorflow as tf

from yt8m_distill.data.sampled_positions import sampled_positions
from yt8m_distill.spec import MISSING_BYTE, SEGMENT_SIZE

_ID_KEYS = ("id", "video_id")
_LABELS = ("labels",)


def _context_features(label_keys):
    ids = {key: tf.io.FixedLenFeature([], tf.string, default_value="") for key in _ID_KEYS}
    return ids | {key: tf.io.RaggedFeature(tf.int64) for key in label_keys}


def _id(context):
    first, second = (context[key] for key in _ID_KEYS)
    return tf.where(tf.strings.length(first) > 0, first, second)


def _checked(labels, spec):
    """Ragged labels (batch, L) as int32 padded with -1; a label outside the classes stops the run."""
    check = tf.debugging.Assert(tf.reduce_all((labels.values >= 0) & (labels.values < spec.num_classes)), ["labels"])
    with tf.control_dependencies([check]):
        return tf.cast(labels.to_tensor(-1), tf.int32)


def _labels(context, spec):
    return {key: _checked(context[key], spec) for key in _LABELS if key in context}


def _frames(strings, counts, size, limit, rows):
    """Byte strings (batch, T), "" at and after `counts`, as uint8 (batch, rows or min(T, limit), size)."""
    strings = strings[:, :limit]
    if rows is not None:
        # Sixteen bytes a missing frame are moved here, not a frame.
        strings = tf.ensure_shape(tf.pad(strings, [[0, 0], [0, rows - tf.shape(strings)[1]]]), [None, rows])
    lengths = tf.strings.length(strings)
    right = tf.reduce_all((lengths == size) | (lengths == 0)) & (tf.reduce_sum(lengths) == size * tf.reduce_sum(counts))
    check = tf.debugging.Assert(right, ["frame size"])
    with tf.control_dependencies([check]):
        return tf.io.decode_raw(strings, tf.uint8, fixed_length=size)


def _aligned(frames, count, num_frames, rows):
    """`frames` with as many rows as the first feature; rows this feature lacks hold `MISSING_BYTE`, others are cut."""
    rows = tf.reduce_max(num_frames) if rows is None else rows
    frames = tf.pad(frames, [[0, 0], [0, tf.maximum(rows - tf.shape(frames)[1], 0)], [0, 0]])[:, :rows]
    inside = tf.sequence_mask(num_frames, rows)[:, :, tf.newaxis]
    present = tf.sequence_mask(count, rows)[:, :, tf.newaxis]
    filler = tf.where(inside, tf.constant(MISSING_BYTE, tf.uint8), tf.constant(0, tf.uint8))
    return tf.where(present & inside, frames, filler)


def _sampled(strings, counts, positions):
    """Of strings {name: (batch, T)} those at `positions`, {name: (batch, k)}, and how many these are."""
    chosen, present = {}, {}
    for name, count in counts.items():
        inside = (positions >= 0) & (positions < count[:, tf.newaxis])
        row = tf.pad(strings[name], [[0, 0], [0, 1]])
        chosen[name] = tf.where(inside, tf.gather(row, tf.where(inside, positions, 0), batch_dims=1), "")
        present[name] = tf.reduce_sum(tf.cast(inside, tf.int32), axis=1)
    return chosen, present


def _decode_features(strings, counts, spec, limit, rows=None):
    """All features of a batch of frame-level records: ({name: uint8 (batch, T, size)}, num_frames int32 (batch,))."""
    counts = {name: tf.minimum(count, limit) for name, count in counts.items()}
    num_frames = counts[spec.names[0]]
    features = {
        name: _frames(strings[name], counts[name], size, limit, rows) for name, size in spec.size_by_name.items()
    }
    for name in spec.names[1:]:
        regular = tf.reduce_all(counts[name] == num_frames)
        features[name] = tf.cond(
            regular, lambda n=name: features[n], lambda n=name: _aligned(features[n], counts[n], num_frames, rows)
        )
        features[name].set_shape([None, rows, spec.size_by_name[name]])
    return features, num_frames


def parse_frames(serialized, spec, labelled=True, rows=None, seed=None, epoch=0):
    """Parses frame-level records, many at a time.

    Args:
      serialized: string (batch,), serialized SequenceExamples.
      spec: the FeatureSpec; frames past `spec.max_frames` are dropped, and so are those that are not sampled.
      labelled: False leaves the labels unread.
      rows: rows of every video; at least `spec.frame_limit`, or None for those of the longest.
      seed, epoch: of the frames that are drawn at random, see `sampling.video_keys`.

    Returns:
      The batch contract: {name: uint8 (batch, T, size)} with T as `rows` says, `num_frames` int32
      (batch,), `labels` int32 (batch, L) padded with -1, `id` string (batch,). Rows at and after num_frames hold
      zero bytes; a feature with fewer frames than the first is filled with the code nearest to zero,
      one with more is cut.

    Raises (when run):
      tf.errors.InvalidArgumentError: not a record of this layout, a frame of another size, a label past the classes.
    """
    context_features = _context_features(_LABELS if labelled else ())
    context, strings, counts = _parsed_sequences(serialized, context_features, spec)
    ids = _id(context)
    if spec.sampled_frames:
        positions = sampled_positions(counts[spec.names[0]], spec, ids, seed, epoch)
        strings, counts = _sampled(strings, counts, positions)
    features, num_frames = _decode_features(strings, counts, spec, spec.frame_limit, rows)
    return {**features, "num_frames": num_frames, **_labels(context, spec), "id": ids}


def _parsed_sequences(serialized, context_features, spec):
    """(context, {name: strings (batch, T)}, {name: how many these are, int32 (batch,)})."""
    sequence_features = {name: tf.io.FixedLenSequenceFeature([], tf.string) for name in spec.names}
    context, strings, counts = tf.io.parse_sequence_example(serialized, context_features, sequence_features)
    return context, strings, {name: tf.cast(counts[name], tf.int32) for name in spec.names}


def parse_videos(serialized, spec, labelled=True):
    """Parses video-level records (Example), many at a time; arguments as in `parse_frames`.

    Returns:
      {name: float32 (batch, size)}, `labels` int32 (batch, L) padded with -1, `id` string (batch,).

    Raises (when run):
      tf.errors.InvalidArgumentError: not a record of this layout, another size, a label past the classes.
    """
    floats = {name: tf.io.FixedLenFeature([size], tf.float32) for name, size in spec.size_by_name.items()}
    parsed = tf.io.parse_example(serialized, _context_features(_LABELS if labelled else ()) | floats)
    return {**{name: parsed[name] for name in spec.names}, **_labels(parsed, spec), "id": _id(parsed)}


def parse_segments(serialized, spec):
    """Parses ONE segment-level record into its rated segments, in order of first appearance.

    Returns:
      {name: uint8 (S, 5, size)}, `num_frames` int32 (S,): frames of the segment that the video really has,
      `labels` int32 (S, R) and `label_scores` float32 (S, R): the classes rated in that segment and their scores,
      -1 and 0 elsewhere (the last rating of a class counts), `id` string (S,): `video:start`.
    """
    integers = ("segment_start_times", "segment_labels")
    context_features = _context_features(integers) | {"segment_scores": tf.io.RaggedFeature(tf.float32)}
    context, strings, counts = _parsed_sequences(serialized[tf.newaxis], context_features, spec)
    features, num_frames = _decode_features(strings, counts, spec, tf.int32.max)
    starts, segment_of = tf.unique(tf.cast(context["segment_start_times"].values, tf.int32))
    rows = starts[:, tf.newaxis] + tf.range(SEGMENT_SIZE)
    labels, scores = _rated(context["segment_labels"], context["segment_scores"].values, segment_of, starts, spec)
    return {
        **{name: _gather_rows(features[name][0], rows) for name in spec.names},
        "num_frames": tf.clip_by_value(num_frames[0] - starts, 0, SEGMENT_SIZE),
        "labels": labels,
        "label_scores": scores,
        "id": tf.strings.join([_id(context)[0], tf.strings.as_string(starts)], separator=":"),
    }


def _gather_rows(frames, rows):
    padded = tf.pad(frames, [[0, SEGMENT_SIZE], [0, 0]])
    return tf.gather(padded, tf.minimum(rows, tf.shape(frames)[0]))


def _rated(labels, scores, segment_of, starts, spec):
    """Ratings (R,) spread over their segments: labels and scores (S, R), -1 and 0 where a rating is of another one."""
    alike = (tf.size(segment_of) == tf.size(labels.values)) & (tf.size(segment_of) == tf.size(scores))
    with tf.control_dependencies([tf.debugging.Assert(alike, ["as many start times as labels and scores"])]):
        labels = _checked(labels, spec)[0]
    key = segment_of * spec.num_classes + labels
    order = tf.range(tf.size(key))
    overruled = tf.reduce_any((key[:, tf.newaxis] == key) & (order[:, tf.newaxis] < order), axis=1)
    here = (tf.range(tf.size(starts))[:, tf.newaxis] == segment_of) & ~overruled
    return tf.where(here, labels, -1), tf.where(here, scores, 0.0)
