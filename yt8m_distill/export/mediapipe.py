"""The form in which MediaPipe's YouTube-8M graph feeds a model: floats, all features side by side."""

import tensorflow as tf

from yt8m_distill.data.sampled_positions import sampled_positions
from yt8m_distill.errors import InputError
from yt8m_distill.spec import MAX_QUANTIZED, MIN_QUANTIZED


def mediapipe_endpoint(predict, source):
    """A signature with the names of the starter code's export_model_mediapipe.py.

    `rgb_and_audio` float32 (batch, T, source.size), dequantised frames with the features side by side in the order of
    `source`, and `num_frames` int32 (batch, 1) -> `predictions` float32 (batch, classes). Rows at and after num_frames
    change nothing, whatever they hold.

    Args:
      predict: function of `source`'s features, float32 {name: (batch, T, size)} with `num_frames` int32 (batch,), rows
        of padding zero, to predictions (batch, classes).
      source: FeatureSpec of what is fed.
    """

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, source.size], tf.float32, "rgb_and_audio"),
            tf.TensorSpec([None, 1], tf.int32, "num_frames"),
        ],
        autograph=False,
    )
    def serve(rgb_and_audio, num_frames):
        return {"predictions": predict(split_features(rgb_and_audio, num_frames[:, 0], source))}

    return serve


def side_by_side(inputs, spec):
    """Bytes of videos as MediaPipe feeds them: what `mediapipe_endpoint` takes of what `features` takes."""
    frames = tf.cast(tf.concat([inputs[name] for name in spec.names], axis=-1), tf.float32)
    width = MAX_QUANTIZED - MIN_QUANTIZED
    floats = frames * (width / 255.0) + (width / 512.0 + MIN_QUANTIZED)
    return {"rgb_and_audio": floats, "num_frames": inputs["num_frames"][:, tf.newaxis]}


def split_features(frames, num_frames, spec):
    """Frames side by side as a batch: {name: float32 (batch, T, size)}, zero behind the last frame, and num_frames.

    Args:
      frames: float32 (batch, T, spec.size).
      num_frames: int32 (batch,); no more than T count.
      spec: FeatureSpec.
    """
    rows = tf.shape(frames)[1]
    num_frames = tf.clip_by_value(num_frames, 0, rows)
    frames = tf.where(tf.sequence_mask(num_frames, rows)[:, :, tf.newaxis], frames, 0.0)
    return {**dict(zip(spec.names, tf.split(frames, spec.sizes, axis=-1), strict=True)), "num_frames": num_frames}


def float_signature(spec):
    """TensorSpecs of what a model of `spec` takes, its frames dequantised."""
    frames = {name: tf.TensorSpec([None, None, size], tf.float32, name) for name, size in spec.size_by_name.items()}
    return {**frames, "num_frames": tf.TensorSpec([None], tf.int32, "num_frames")}


def require_frames(spec):
    """Raises InputError where there are no frames that MediaPipe could feed."""
    if not spec.has_frames:
        raise InputError("MediaPipe feeds frames and this model reads video-level features: export a frame-level one.")


def float_view(batch, spec):
    """What a model of `spec` sees of all the frames of each video, as `data.batches.view` of their bytes.

    Args:
      batch: {name: float32 (batch, T, size)}, `num_frames` int32 (batch,).
      spec: FeatureSpec of the model; frames that it draws at random cannot be drawn here.

    Returns:
      The features of `spec` in its order and `num_frames`: at most `spec.frame_limit` rows, zero behind the last frame.
    """
    num_frames = batch["num_frames"]
    if not spec.sampled_frames:
        cut = {name: batch[name][:, : spec.max_frames] for name in spec.names}
        return {**cut, "num_frames": tf.minimum(num_frames, spec.max_frames)}
    positions = sampled_positions(num_frames, spec)
    count = tf.reduce_sum(tf.cast(positions >= 0, tf.int32), axis=1)
    positions = positions[:, : tf.reduce_max(count)]  # of no rows none can be gathered
    there = (positions >= 0)[:, :, tf.newaxis]
    rows = {name: tf.gather(batch[name], tf.maximum(positions, 0), batch_dims=1) for name in spec.names}
    return {**{name: tf.where(there, row, 0.0) for name, row in rows.items()}, "num_frames": count}
