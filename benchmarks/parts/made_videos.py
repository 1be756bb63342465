"""Frame-level records of YouTube-8M's sizes, for the benchmarks."""

import os

import numpy as np

_SHARDS = 8


def write_videos(folder, videos):
    """Frame-level records of YouTube-8M's sizes: 120 to 300 frames of 1024 + 128 random bytes, 3 labels."""
    import tensorflow as tf

    generator = np.random.default_rng(0)
    for shard in range(_SHARDS):
        with tf.io.TFRecordWriter(os.path.join(folder, f"videos{shard}.tfrecord")) as writer:
            for video in range(shard, videos, _SHARDS):
                writer.write(_random_video(f"{video:04}", generator).SerializeToString())


def _random_video(video_id, generator):
    import tensorflow as tf

    example = tf.train.SequenceExample()
    example.context.feature["id"].bytes_list.value.append(video_id.encode())
    example.context.feature["labels"].int64_list.value.extend(generator.choice(3862, 3, replace=False).tolist())
    num_frames = int(np.clip(generator.normal(229, 50), 120, 300))
    for name, size in (("rgb", 1024), ("audio", 128)):
        frames = generator.integers(0, 256, (num_frames, size), np.uint8)
        for frame in frames:
            example.feature_lists.feature_list[name].feature.add().bytes_list.value.append(frame.tobytes())
    return example
