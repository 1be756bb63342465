"""What the parts of a batch mean to a model and to a loss."""

import tensorflow as tf

from yt8m_distill.data.sampled_positions import sampled_positions
from yt8m_distill.errors import InputError


def input_signature(spec):
    """TensorSpecs of what a model takes: any number of videos, any number of frames."""
    if not spec.has_frames:
        return {name: tf.TensorSpec([None, size], tf.float32, name) for name, size in spec.size_by_name.items()}
    frames = {name: tf.TensorSpec([None, None, size], tf.uint8, name) for name, size in spec.size_by_name.items()}
    return {**frames, "num_frames": tf.TensorSpec([None], tf.int32, "num_frames")}


def model_inputs(batch, spec):
    """The part of a batch that a model sees: its features and, at frame level, num_frames."""
    return {key: batch[key] for key in ([*spec.names, "num_frames"] if spec.has_frames else spec.names)}


def view(batch, spec, source):
    """What a model of `spec` sees of a batch that was read with `source`: the same as had it been read with `spec`.

    Where features differ in their numbers of frames, `num_frames` counts those of the first feature of `source`. Whole
    videos, as exports are given them, are cut for a model of segments too.

    Args:
      batch: dict by the batch contract, or part of one; for frames that are drawn at random, with their
        positions, see `with_random_positions`.
      spec: FeatureSpec of the model.
      source: FeatureSpec of the batch, such as `spec.union` makes of several.

    Returns:
      `model_inputs`: {name: uint8 (batch, T, size)}, `num_frames` int32 (batch,), or at video level the features
      alone. T is that of the longest video; rows at and after num_frames hold zero bytes.

    Raises:
      InputError: `source` does not hold what `spec` asks for, or the batch lacks the positions.
    """
    _require_viewable(spec, source)
    inputs = model_inputs(batch, spec)
    if not spec.has_frames or spec.sampling == source.sampling:
        return inputs
    if not spec.sampled_frames:
        cut = {name: inputs[name][:, : spec.max_frames] for name in spec.names}
        return {**cut, "num_frames": tf.minimum(inputs["num_frames"], spec.max_frames)}
    drawn = spec.frame_sampler == "random"
    positions = _drawn_positions(batch, spec) if drawn else sampled_positions(inputs["num_frames"], spec)
    num_frames = tf.reduce_sum(tf.cast(positions >= 0, tf.int32), axis=1)
    positions = positions[:, : tf.reduce_max(num_frames)]
    return {**{name: _rows_at(inputs[name], positions) for name in spec.names}, "num_frames": num_frames}


def drawing_specs(specs, source):
    """Those of `specs` that draw frames at random from batches of `source`, one of each `sampling`."""
    drawing = {spec.sampling: spec for spec in specs if spec.frame_sampler == "random"}
    return [spec for sampling, spec in drawing.items() if sampling != source.sampling]


def positions_key(spec):
    """Where a batch holds the positions of the frames that `spec` draws at random."""
    return f"positions_{spec.frame_limit}_of_{spec.max_frames}"


def with_random_positions(batch, spec, seed=None, epoch=0):
    """A batch with the positions by which `view` draws frames at random: int32 (batch, k), under `positions_key`.

    For the input pipeline, where the batch still holds its ids. The draw is that of `read_batches` with the same
    arguments. A batch is returned as it is where `spec` draws nothing.
    """
    if spec.frame_sampler != "random":
        return batch
    return {**batch, positions_key(spec): sampled_positions(batch["num_frames"], spec, batch["id"], seed, epoch)}


def _require_viewable(spec, source):
    sizes = source.size_by_name
    missing = [name for name, size in spec.size_by_name.items() if sizes.get(name) != size]
    cut = spec.level == "frame" and spec.max_frames > source.max_frames
    other = source.sampled_frames and spec.sampling != source.sampling
    if missing or cut or other or spec.level != source.level:
        raise InputError(f"batches of {source} cannot be viewed as {spec}: read them with `spec.union` of both.")


def _drawn_positions(batch, spec):
    if positions_key(spec) not in batch:
        raise InputError(f"the batch holds no positions of {spec.frame_limit} frames: see `with_random_positions`.")
    return batch[positions_key(spec)]


def _rows_at(frames, positions):
    """Frames (batch, T, size) at positions (batch, k), zero where these are -1."""
    size = frames.shape[-1]
    words = size % 4 == 0
    if words:  # GPUs gather no uint8
        frames = tf.bitcast(tf.reshape(frames, [*tf.unstack(tf.shape(frames)[:2]), size // 4, 4]), tf.int32)
    rows = tf.gather(frames, tf.maximum(positions, 0), batch_dims=1)
    rows = tf.where(positions[:, :, tf.newaxis] >= 0, rows, 0)
    if words:
        rows = tf.reshape(tf.bitcast(rows, tf.uint8), [*tf.unstack(tf.shape(positions)), size])
    return rows


def multi_hot(labels, num_classes, values=None):
    """Sparse labels to dense ones, on the device that needs them.

    Args:
      labels: int32 (batch, L), padded with -1.
      values: float32 (batch, L), at least 0, what to write at each label; 1 when None.

    Returns:
      float32 (batch, num_classes).
    """
    valid = tf.cast(labels >= 0, tf.float32)
    values = valid if values is None else values * valid
    row = tf.broadcast_to(tf.range(tf.shape(labels)[0])[:, tf.newaxis], tf.shape(labels))
    index = tf.stack([row, tf.maximum(labels, 0)], axis=-1)
    return tf.tensor_scatter_nd_max(tf.zeros([tf.shape(labels)[0], num_classes]), index, values)


def dense_labels(batch, spec):
    """(labels, rated) of a batch: float32 (batch, classes) labels; at segment level 1 where a class was rated.

    `rated` is None at the other levels, where every class counts.
    """
    if spec.level != "segment":
        return multi_hot(batch["labels"], spec.num_classes), None
    labels = multi_hot(batch["labels"], spec.num_classes, batch["label_scores"])
    return labels, multi_hot(batch["labels"], spec.num_classes)
