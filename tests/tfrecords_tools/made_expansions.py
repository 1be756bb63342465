"""Video-level records as real ones are, and sets expanded from them."""

import pathlib

import numpy as np
import tensorflow as tf

from tfrecords_tools import record_bytes
from tfrecords_tools.expanded_set import ExpandedSet
from tfrecords_tools.expanded_videos import FrameMaker, exact_codes
from tfrecords_tools.synthetic_world import spread_of_means
from yt8m_distill.data.record_checks import read_records
from yt8m_distill.spec import FeatureSpec

REAL = FeatureSpec(("mean_rgb", "mean_audio"), (1024, 128), 3862, "video")
SMALL = FeatureSpec(("mean_rgb", "mean_audio"), (16, 4), 25, "video")
LOWEST, HIGHEST = -1.9921875, 2.0078125  # the values of the codes 0 and 255; real means reach both


def values(codes):
    return codes * (4 / 255) + 4 / 512 - 2


def real_like_means(count, spec=REAL, seed=0):
    """float32 (count, values): spread as in real records, from end to end of what 8 bits hold."""
    spread = np.concatenate([spread_of_means(name, size) for name, size in spec.size_by_name.items()])
    means = np.random.default_rng(seed).standard_normal((count, spec.size)) * spread
    return np.clip(means, LOWEST, HIGHEST).astype(np.float32)


def maker(spec=SMALL, **options):
    return FrameMaker(spec.names, spec.sizes, **options)


def deviation(frames, means):
    """The largest difference between the codes' mean and the code of the mean, times the number of frames."""
    codes = np.clip(exact_codes(means), 0, 255)
    return np.max(np.abs(frames.mean(axis=0, dtype=np.float64) - codes)) * len(frames)


def write_shards(directory, count=10, shards=2, spec=SMALL, **changes):
    """Video-level shards; the last record of the last shard differs by `changes`."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [str(directory / f"train{shard:04d}.tfrecord") for shard in range(shards)]
    means = np.split(real_like_means(count, spec), np.cumsum(spec.sizes)[:-1], axis=1)
    for path, numbers in zip(paths, np.array_split(np.arange(count), shards), strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for number in numbers.tolist():
                features = {"id": b"%04d" % number, "labels": np.array([number % 25, 3])}
                features |= {name: part[number] for name, part in zip(spec.names, means, strict=True)}
                features |= changes if number == count - 1 else {}
                writer.write(record_bytes.example({key: value for key, value in features.items() if value is not None}))
    return paths


def expand(shards, output_dir, num_videos=None, overwrite=False, seed=0, spec=SMALL, **lengths):
    """Returns (paths written, paths that were complete, totals)."""
    lengths = {"length_scale": 0.1} | lengths
    folder = ExpandedSet(str(output_dir), spec, maker(spec, seed=seed, **lengths), {"seed": seed} | lengths)
    to_write, complete = folder.plan(shards, num_videos, overwrite)
    totals = [folder.write(shard) for shard in to_write]
    return [shard.path for shard in to_write], [shard.path for shard in complete], np.sum(totals, axis=0)


def contents(directory):
    return {path.name: path.read_bytes() for path in pathlib.Path(directory).iterdir()}


def videos_of(directory):
    """{id: (labels, {feature: uint8 (frames, size)})} of all shards in a folder."""
    videos = {}
    for path in sorted(pathlib.Path(directory).glob("*.tfrecord")):
        for _, record in read_records(str(path)):
            message = tf.train.SequenceExample.FromString(record)
            context = message.context.feature
            videos[context["id"].bytes_list.value[0]] = (
                list(context["labels"].int64_list.value),
                {
                    name: np.stack([np.frombuffer(frame.bytes_list.value[0], np.uint8) for frame in frames.feature])
                    for name, frames in message.feature_lists.feature_list.items()
                },
            )
    return videos
