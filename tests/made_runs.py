"""Small records, configs and runs for tests: rgb of 16 and audio of 8 bytes a frame, 12 classes."""

import csv
import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.run_config import RunConfig
from yt8m_distill.spec import FeatureSpec
from yt8m_distill.training.loop import TrainingLoop
from yt8m_distill.training.run_directory import prepare

REPOSITORY = pathlib.Path(__file__).parent.parent
NUM_CLASSES = 12
FRAME = FeatureSpec(("rgb", "audio"), (16, 8), NUM_CLASSES, "frame", max_frames=12)
SEGMENT = dataclasses.replace(FRAME, level="segment")
VIDEO = FeatureSpec(("mean_rgb", "mean_audio"), (16, 8), NUM_CLASSES, "video", max_frames=12)
DATA_FLAGS = ("--feature_sizes=16,8", f"--num_classes={NUM_CLASSES}", "--max_frames=12")


@dataclasses.dataclass(frozen=True)
class Video:
    """One video: uint8 (frames, 24) of which the first 16 columns are rgb, and its labels."""

    id: str
    frames: np.ndarray
    labels: tuple[int, ...]
    ratings: tuple[tuple[int, int, float], ...] = ()  # start, class, score


def make_videos(count, seed=0, max_frames=14, rated=False):
    """Videos whose bytes depend on their labels, so that there is something to learn; some exceed max_frames = 12."""
    random = np.random.default_rng(seed)
    looks = np.random.default_rng(99).normal(0, 40, (NUM_CLASSES, 24))
    videos = []
    for number in range(count):
        labels = tuple(sorted(random.choice(NUM_CLASSES, random.integers(1, 4), replace=False).tolist()))
        frames = 128 + looks[list(labels)].sum(0) + random.normal(0, 15, (random.integers(1, max_frames + 1), 24))
        ratings = _ratings(random, len(frames), labels) if rated else ()
        videos.append(Video(f"{seed:02d}{number:02d}", np.clip(frames, 0, 255).astype(np.uint8), labels, ratings))
    return videos


def _ratings(random, frames, labels):
    starts = range(0, max(frames - 4, 1), 5)
    wrong = int(random.integers(NUM_CLASSES))
    return tuple((start, label, float(label in labels)) for start in starts for label in {labels[0], wrong})


def _bytes(values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integers(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def frame_record(video, labelled=True):
    """A serialized frame-level record; segment level where the video has ratings."""
    context = {"id": _bytes([video.id.encode()])}
    if labelled:
        context["labels"] = _integers(video.labels)
    if video.ratings:
        starts, classes, scores = zip(*video.ratings, strict=True)
        context |= {"segment_start_times": _integers(starts), "segment_labels": _integers(classes)}
        context["segment_scores"] = _floats(scores)
    lists = {"rgb": video.frames[:, :16], "audio": video.frames[:, 16:]}
    feature_list = {
        name: tf.train.FeatureList(feature=[_bytes([row.tobytes()]) for row in rows]) for name, rows in lists.items()
    }
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list=feature_list)
    ).SerializeToString()


def video_record(video, labelled=True):
    """A serialized video-level record: means of the dequantised frames."""
    means = (video.frames * (4 / 255) + 4 / 512 - 2).mean(0)
    feature = {
        "id": _bytes([video.id.encode()]),
        "mean_rgb": _floats(means[:16]),
        "mean_audio": _floats(means[16:]),
    }
    if labelled:
        feature["labels"] = _integers(video.labels)
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def write_shards(directory, name, records, shards=3):
    """Writes the records to DIRECTORY/NAME*.tfrecord, the first ones to the first shard, and returns the paths."""
    os.makedirs(directory, exist_ok=True)
    paths = [os.path.join(directory, f"{name}{number}.tfrecord") for number in range(shards)]
    for path, part in zip(paths, np.array_split(np.arange(len(records)), shards), strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for index in part:
                writer.write(records[index])
    return paths


def make_config(model="HiddenLayer_tiny", spec=VIDEO, overrides=None, **training):
    """A RunConfig of short runs: batches of 8, a row every 4 steps."""
    numbers = {"batch_size": 8, "num_epochs": 3, "log_steps": 4, "num_readers": 2, "shuffle_buffer_size": 20}
    return RunConfig(
        features=spec,
        model=registry.model_config(model, **(overrides or {})),
        training=TrainingParams(**numbers | training),
    )


def train(config, run_dir, shards, *callbacks, **options):
    """Prepares the directory, trains until the end or a stop, and returns the TrainingLoop."""
    run_dir = os.fspath(run_dir)
    prepare(config, run_dir)
    loop = TrainingLoop(config, run_dir, shards, callbacks, **options)
    loop.run()
    return loop


def rows(run_dir):
    """The rows of metrics.csv without the one column that a clock fills."""
    with open(os.path.join(run_dir, "metrics.csv"), newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "examples_per_second"} for row in csv.DictReader(file)]


def state(loop):
    """Every number of the model and of the optimizer."""
    variables = [*loop.model.weights, *loop.optimizer.variables]
    return {f"{index} {v.name}": np.asarray(v.value) for index, v in enumerate(variables)}


def assert_same_run(loop, run_dir, other, other_dir):
    """Bit-identical weights, optimizer and metrics.csv."""
    mine, others = state(loop), state(other)
    assert mine.keys() == others.keys()
    different = [key for key in mine if not np.array_equal(mine[key], others[key])]
    assert not different
    assert rows(run_dir) == rows(other_dir)


def save_with_tensorflow_1(values, path):
    """Writes {name: array} as tf.compat.v1.train.Saver does, and returns the prefix."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in values.items():
            tf.compat.v1.get_variable(name, initializer=tf.constant(value), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        return tf.compat.v1.train.Saver().save(session, str(path))


def run_python(arguments, timeout=120, **environment):
    """Runs this Python in the repository with `arguments`; returns the finished process, output as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=subprocess_environment(**environment),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def subprocess_environment(**environment):
    """The environment of a subprocess that can import the package and the tests' own modules."""
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    return {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1", **environment}
