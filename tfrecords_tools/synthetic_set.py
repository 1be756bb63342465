"""Videos in, a set of TFRecord shards out: the three layouts of YouTube-8M, written aside and renamed at the end."""

import dataclasses
import itertools
import re

import numpy as np

from tfrecords_tools import record_bytes
from yt8m_distill.errors import InputError
from yt8m_distill.spec import LEVELS, MAX_QUANTIZED, MIN_QUANTIZED, SEGMENT_SIZE

_RATED_SEGMENTS = 5  # a video, as in the real set of 2019


@dataclasses.dataclass(frozen=True)
class SetSummary:
    """What was written: paths of the shards, and totals over all videos (bytes on disk)."""

    paths: tuple[str, ...]
    videos: int
    frames: int
    labels: int
    bytes: int


def write_set(videos, num_videos, output_dir, split="train", num_shards=8, level="frame", overwrite=False):
    """Writes `output_dir/train0000.tfrecord` ... with equally many videos each, give or take one.

    Args:
      videos: iterable of at least `num_videos` synthetic_videos.Video.
      num_videos, num_shards: as they say.
      output_dir: a folder, made where it is missing; local, or remote if tf.io.gfile opens it.
      split: what the names of the shards begin with.
      level: "frame", "video" (the means of the frames, under "mean_rgb" where the frames are "rgb") or "segment".
      overwrite: replace the shards of an earlier set of this split, all of them.

    Returns:
      A SetSummary.

    Raises:
      InputError: there are shards of this split already, or the numbers do not fit.
    """
    if level not in LEVELS:
        raise InputError(f"--level={level}: expected one of {', '.join(LEVELS)}.")
    if not 1 <= num_shards <= num_videos:
        raise InputError(f"--num_shards={num_shards} for --num_videos={num_videos}: give every shard a video at least.")
    earlier = _prepare(output_dir, split, overwrite)
    paths = [f"{output_dir.rstrip('/')}/{split}{shard:04d}.tfrecord" for shard in range(num_shards)]
    bounds = [num_videos * shard // num_shards for shard in range(num_shards + 1)]
    videos, totals = iter(videos), np.zeros(4, np.int64)
    try:
        for path, first, end in zip(paths, bounds, bounds[1:], strict=False):
            totals += _write_shard(path + ".partial", itertools.islice(videos, end - first), level)
        _put_in_place(paths, earlier)
    finally:
        _remove(path + ".partial" for path in paths)
    return SetSummary(tuple(paths), *totals.tolist())


def serialize(video, level="frame"):
    """Returns the bytes of the record that holds a Video at this level."""
    context = {"id": video.id.encode(), "labels": np.asarray(video.labels, np.int64)}
    if level == "video":
        return record_bytes.example(context | {_mean_name(name): _mean(codes) for name, codes in video.frames.items()})
    if level == "segment":
        context |= _ratings(video)
    return record_bytes.sequence_example(context, video.frames)


def _mean_name(name):
    return name if name.startswith("mean_") else f"mean_{name}"


def _mean(codes):
    scale = (MAX_QUANTIZED - MIN_QUANTIZED) / 255
    return (codes.mean(axis=0, dtype=np.float64) * scale + 4 / 512 + MIN_QUANTIZED).astype(np.float32)


def _ratings(video):
    """Segments spread over the video, rated for one of its labels: 1 where most of their frames show it."""
    label, num_frames = video.labels[0], len(video.shown)
    last = max(num_frames // SEGMENT_SIZE - 1, 0)
    starts = SEGMENT_SIZE * np.unique(np.rint(np.linspace(0, last, _RATED_SEGMENTS)).astype(np.int64))
    scores = [np.mean(video.shown[start : start + SEGMENT_SIZE] == label) > 0.5 for start in starts]
    return {
        "segment_start_times": starts,
        "segment_end_times": starts + SEGMENT_SIZE,
        "segment_labels": np.full(len(starts), label),
        "segment_scores": np.array(scores, np.float32),
    }


def _write_shard(path, videos, level):
    """Returns int64 (videos, frames, labels, bytes)."""
    import tensorflow as tf

    totals = np.zeros(4, np.int64)
    with tf.io.TFRecordWriter(path) as writer:
        for video in videos:
            record = serialize(video, level)
            writer.write(record)
            totals += (1, len(video.shown), len(video.labels), len(record) + 16)
    return totals


def _prepare(output_dir, split, overwrite):
    """Makes the folder and returns the shards of this split that lie in it."""
    import tensorflow as tf

    try:
        tf.io.gfile.makedirs(output_dir)
        pattern = re.compile(re.escape(split) + r"\d{4,}\.tfrecord")
        names = [name for name in tf.io.gfile.listdir(output_dir) if pattern.fullmatch(name)]
    except tf.errors.OpError as error:
        raise InputError(f"--output_dir={output_dir} cannot be written to: {error.message}") from None
    if names and not overwrite:
        raise InputError(
            f"{output_dir} holds {len(names)} shards named {split}*.tfrecord already: "
            "choose another --output_dir or --split, or replace them with --overwrite."
        )
    return [f"{output_dir.rstrip('/')}/{name}" for name in names]


def _put_in_place(paths, earlier):
    import tensorflow as tf

    for path in paths:
        tf.io.gfile.rename(path + ".partial", path, overwrite=True)
    _remove(set(earlier) - set(paths))


def _remove(paths):
    import tensorflow as tf

    for path in paths:
        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)
