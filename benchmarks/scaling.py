"""Measures how time grows with videos, frames and classes, and what a second process gains; fits a line to each axis.

  videos     reading   read_batches over short videos (10 frames of 32 + 8 bytes: 100,000 full ones are 25 GB)
             model     the same, and NeXtVLAD_tiny on each batch
             metrics   reduce_top_k of (128, 3862) predictions held in memory, GAP, mAP, Hit@1 and PERR
  frames     reading   2048 videos of that many frames of 1024 + 128 bytes (256 different ones, eight times)
             model     --model on a batch of 32 held in memory; metrics never see frames
  classes    model     --model on a batch of 32 x 30 frames; reading never sees classes
             metrics   12,800 videos of that many classes
  processes  a fixed amount of each (reading: videos of 230 frames), done by one process, and by two of half as much
             that start together; TensorFlow has all cores in either case

Sizes run in turn (A B C A B C ...) after a first round that does not count; files are in the page cache. A line is
fitted to the relative errors, and `deviation` is the largest of them: seconds of all videos on the first axis, seconds
of one video on the others. The last line is one JSON object. Four minutes: python benchmarks/scaling.py
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

FLAGS = flags.FLAGS
_AXES = ("videos", "frames", "classes", "processes")
_JOBS = ("reading", "model", "metrics")
_SHORT = FeatureSpec(sizes=(32, 8), max_frames=10)
_SHARDS = 8
_TIMES = 8  # that each file is read on the second and fourth axis
_BATCH, _READ_BATCH = 32, 128

flags.DEFINE_list("axes", ",".join(_AXES), "Which of them.")
flags.DEFINE_list("videos", "1000,3000,10000,30000,100000", "Sizes of the first axis.")
flags.DEFINE_list("frames", "30,60,120,210,300", "Sizes of the second axis.")
flags.DEFINE_list("classes", "500,1000,2000,3000,3862", "Sizes of the third axis.")
flags.DEFINE_string("model", "NeXtVLAD", "Model on the second and third axis, and of the processes.")
flags.DEFINE_integer("full_videos", 256, "Videos that are written where they are of full size.", lower_bound=_SHARDS)
flags.DEFINE_integer("metrics_videos", 12_800, "Videos of the metrics on the third axis.", lower_bound=1)
flags.DEFINE_list("process_jobs", ",".join(_JOBS), "What the processes of the fourth axis do.")
flags.DEFINE_integer("process_passes", 4, "How often each of two processes does its job.", lower_bound=1)
flags.DEFINE_integer("repeats", 3, "Times that each size runs.", lower_bound=1)
flags.DEFINE_enum("worker", None, _JOBS, "Be a process of the fourth axis, on the shards behind `--`.")


def write_videos(folder, videos, num_frames, spec):
    """Shards of random videos, all of `num_frames` frames; returns their paths."""
    import tensorflow as tf

    from tfrecords_tools.record_bytes import sequence_example

    os.makedirs(folder)
    random = np.random.default_rng(num_frames)
    paths = [os.path.join(folder, f"{shard}.tfrecord") for shard in range(_SHARDS)]
    for shard, path in enumerate(paths):
        with tf.io.TFRecordWriter(path) as writer:
            for video in range(shard, videos, _SHARDS):
                context = {"id": f"{video:06}".encode(), "labels": random.integers(0, spec.num_classes, 3)}
                sizes = spec.size_by_name.items()
                frames = {name: random.integers(0, 256, (num_frames, size), np.uint8) for name, size in sizes}
                writer.write(sequence_example(context, frames))
    return paths


def reading(shards, spec, use=None):
    """A job: one pass over the shards, `use` called with each batch."""
    from yt8m_distill.data.pipeline import ReadOptions, read_batches

    def job():
        for batch in read_batches(shards, spec, ReadOptions(batch_size=_READ_BATCH)):
            if use:
                use(batch)

    return job


def predictor(name, spec):
    """A compiled function of a batch of any length to its predictions, as an array."""
    import tensorflow as tf

    from yt8m_distill.data.batches import input_signature, model_inputs
    from yt8m_distill.hyperparameters import registry
    from yt8m_distill.models.classifier import build_model

    model = build_model(registry.model_config(name), spec)
    signature = [input_signature(spec)]
    compiled = tf.function(lambda batch: model(batch, training=False)["predictions"], input_signature=signature)
    return lambda batch: compiled(model_inputs(batch, spec)).numpy()


def random_batch(num_frames, spec):
    import tensorflow as tf

    random = np.random.default_rng(0)
    frames = {
        name: tf.constant(random.integers(0, 256, (_BATCH, num_frames, size), np.uint8))
        for name, size in spec.size_by_name.items()
    }
    return {**frames, "num_frames": tf.fill([_BATCH], num_frames)}


def metrics(videos, num_classes):
    """A job: all metrics of that many videos, from predictions held in memory."""
    import tensorflow as tf

    from yt8m_distill.metrics.evaluation import EvaluationMetrics
    from yt8m_distill.metrics.top_k import reduce_top_k

    random = np.random.default_rng(0)
    predictions = tf.constant(random.random((_READ_BATCH, num_classes), np.float32) ** 64)
    labels = tf.constant(random.random((_READ_BATCH, num_classes)) < 3 / num_classes, tf.float32)
    step = tf.function(reduce_top_k)

    def job():
        counted = EvaluationMetrics()
        for _ in range(-(-videos // _READ_BATCH)):
            counted.update_top_k(step(labels, predictions))
        counted.result()

    return job


def videos_axis(folder, sizes):
    """{what is measured: ({size: job}, videos by which its seconds are divided)}."""
    shards = {n: write_videos(os.path.join(folder, f"{n}_short"), n, _SHORT.max_frames, _SHORT) for n in sizes}
    predict = predictor("NeXtVLAD_tiny", _SHORT)
    return {
        "reading": ({n: reading(shards[n], _SHORT) for n in sizes}, 1),
        "model": ({n: reading(shards[n], _SHORT, predict) for n in sizes}, 1),
        "metrics": ({n: metrics(n, _SHORT.num_classes) for n in sizes}, 1),
    }


def frames_axis(folder, sizes):
    spec = FeatureSpec(max_frames=max(sizes))
    predict = predictor(FLAGS.model, spec)
    shards = {n: write_videos(os.path.join(folder, f"frames{n}"), FLAGS.full_videos, n, spec) for n in sizes}
    return {
        "reading": ({n: reading(_TIMES * shards[n], spec) for n in sizes}, _TIMES * FLAGS.full_videos),
        "model": ({n: functools.partial(predict, random_batch(n, spec)) for n in sizes}, _BATCH),
    }


def classes_axis(folder, sizes):
    del folder
    batch = random_batch(30, FeatureSpec())
    predictors = {n: predictor(FLAGS.model, FeatureSpec(num_classes=n)) for n in sizes}
    return {
        "model": ({n: functools.partial(predict, batch) for n, predict in predictors.items()}, _BATCH),
        "metrics": ({n: metrics(FLAGS.metrics_videos, n) for n in sizes}, FLAGS.metrics_videos),
    }


def measure(jobs, videos):
    """{size: median seconds, over `videos`} of {size: job}, the sizes in turn."""
    seconds = {size: [] for size in jobs}
    for number in range(FLAGS.repeats + 1):
        for size, job in jobs.items():
            begin = time.perf_counter()
            job()
            if number:
                seconds[size].append(time.perf_counter() - begin)
    return {size: statistics.median(taken) / videos for size, taken in seconds.items()}


def fit_line(seconds):
    """The line through {size: seconds} that is off by the least relative error, and how straight they are."""
    sizes, taken = (np.array(list(column), float) for column in (seconds, seconds.values()))
    slope, intercept = np.polyfit(sizes, taken, 1, w=1 / taken)
    errors = intercept + slope * sizes - taken
    return {
        "seconds": {size: float(f"{value:.4g}") for size, value in seconds.items()},
        "intercept": float(f"{intercept:.3g}"),
        "slope": float(f"{slope:.3g}"),
        "r_squared": round(1 - (errors**2).sum() / ((taken - taken.mean()) ** 2).sum(), 5),
        "deviation": round(np.abs(errors / taken).max(), 3),
    }


def print_line(axis, job, line):
    for size, seconds in line["seconds"].items():
        videos = size if axis == "videos" else 1
        print(f"{axis:10}{job:9}{size:8,}{1e6 * seconds / videos:11.1f} us a video")
    print(
        f"{axis:10}{job:9} {line['intercept']} s + {line['slope']} s * {axis}, R^2 {line['r_squared']}, "
        f"deviation {line['deviation']:.1%}, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def work(job, shards):
    """One process of the fourth axis: makes ready, waits for a line, does its share, says so."""
    spec = FeatureSpec()
    if job == "model":
        share = functools.partial(predictor(FLAGS.model, spec), random_batch(30, spec))
    else:
        share = reading(_TIMES * shards, spec) if job == "reading" else metrics(FLAGS.metrics_videos, spec.num_classes)
    share()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(FLAGS.process_passes):
        share()
    print("done", flush=True)


def run_workers(job, shards, processes):
    """Seconds in which that many processes do the job together, from the word to start."""
    passes = FLAGS.process_passes * 2 // (1 if job == "reading" else processes)  # readers share the files
    options = [f"--worker={job}", f"--process_passes={passes}", f"--model={FLAGS.model}"]
    options.append(f"--metrics_videos={FLAGS.metrics_videos}")
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, *options, "--", *shards[number::processes]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    expect(workers, "ready")
    begin = time.perf_counter()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    expect(workers, "done")
    seconds = time.perf_counter() - begin
    for worker in workers:
        worker.communicate()
    return seconds


def expect(workers, word):
    for worker in workers:
        if worker.stdout.readline().strip() != word:
            raise RuntimeError(f"{' '.join(worker.args)} ended with status {worker.wait()} before it was {word}")


def compare_processes(folder):
    shards = write_videos(os.path.join(folder, "processes"), FLAGS.full_videos, 230, FeatureSpec())
    results = {}
    for job in FLAGS.process_jobs:
        rounds = [[run_workers(job, shards, processes) for processes in (1, 2)] for _ in range(FLAGS.repeats)]
        one, two = (round(statistics.median(column), 3) for column in zip(*rounds, strict=True))
        results[job] = {"one": one, "two": two, "speedup": round(one / two, 2)}
        times = f"one {one:.2f} s, two {two:.2f} s: {one / two:.2f} times as fast"
        print(f"processes {job:9} {times}, load {os.getloadavg()[0]:.1f}", flush=True)
    return results


def sizes_of(axis):
    sizes = FLAGS[axis].value
    if len(sizes) < 3 or not all(size.isdecimal() for size in sizes):
        raise InputError(f"--{axis}={','.join(sizes)}: expected three or more whole numbers separated by commas.")
    return sorted(map(int, sizes))


def main(arguments):
    if FLAGS.worker:
        command.import_tensorflow()
        return work(FLAGS.worker, arguments)
    command.no_arguments(arguments)
    if unknown := set(FLAGS.axes) - set(_AXES):
        raise InputError(f"--axes={','.join(unknown)}: expected some of {', '.join(_AXES)}.")
    makers = {"videos": videos_axis, "frames": frames_axis, "classes": classes_axis}
    sizes = {axis: sizes_of(axis) for axis in makers if axis in FLAGS.axes}
    command.import_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # one function a size is meant, not retracing
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for axis in sizes:
            lines = {job: fit_line(measure(*jobs)) for job, jobs in makers[axis](folder, sizes[axis]).items()}
            for job, line in lines.items():
                print_line(axis, job, line)
            results[axis] = lines
        if "processes" in FLAGS.axes:
            results["processes"] = compare_processes(folder)
    print(json.dumps(results))


if __name__ == "__main__":
    command.run(main, __doc__)
