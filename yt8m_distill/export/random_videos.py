"""Random videos, by which an export is compared with its models."""

import numpy as np
import tensorflow as tf


def random_videos(random, spec, videos, rows):
    """What a model of `spec` takes, in NumPy.

    Args:
      random: np.random.Generator.
      spec: FeatureSpec.
      videos: their number.
      rows: room for frames; at video level there are none.

    Returns:
      {name: uint8 (videos, rows, size)}, random behind the last frame too, and `num_frames` int32 (videos,) from 1 to
      `rows`; at video level {name: float32 (videos, size)}.
    """
    sizes = spec.size_by_name.items()
    if not spec.has_frames:
        return {name: random.normal(size=(videos, size)).astype(np.float32) for name, size in sizes}
    frames = {name: random.integers(0, 256, (videos, rows, size)).astype(np.uint8) for name, size in sizes}
    return {**frames, "num_frames": random.integers(1, rows + 1, videos).astype(np.int32)}


def as_records(videos, spec):
    """The same as serialized records, a list of bytes: without labels and without rows behind the last frame."""
    count = len(videos[spec.names[0]])
    if not spec.has_frames:
        return [_example({name: videos[name][video] for name in spec.names}) for video in range(count)]
    lengths = [slice(length) for length in videos["num_frames"]]
    return [_sequence({name: videos[name][video][lengths[video]] for name in spec.names}) for video in range(count)]


def _example(means):
    features = {name: tf.train.Feature(float_list=tf.train.FloatList(value=values)) for name, values in means.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _sequence(frames):
    lists = {name: tf.train.FeatureList(feature=[_byte_string(row) for row in rows]) for name, rows in frames.items()}
    return tf.train.SequenceExample(feature_lists=tf.train.FeatureLists(feature_list=lists)).SerializeToString()


def _byte_string(row):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[row.tobytes()]))
