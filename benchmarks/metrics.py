"""Times GAP and mAP against the plain way, and what all metrics together cost an evaluation.

The plain way is the algorithm of the starter code's average_precision_calculator.py: it keeps and sorts the NumPy
numbers that it is given. `python_floats` is the same with all of them made Python's floats first, which helps it. All
sides get the same top-k entries of the same videos in batches of 1024, in turn (A B C A B C ...).

  evaluation  reduce_top_k on (batch, classes) float32 predictions in a compiled step, as the evaluation has it, the
              update of GAP, mAP, Hit@1 and PERR, and their result; making predictions and labels is not counted
  memory      what a process of its own holds at most above its memory before: all entries kept, then the result

The last line is one JSON object: medians in seconds, ratios, megabytes. Three minutes: python benchmarks/metrics.py
"""

import heapq
import json
import os
import random
import statistics
import subprocess
import sys
import time

import numpy as np
from absl import flags
from parts import process_memory

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_BATCH = 1024
_BLOCKS = 8  # batches of predictions that are made, and used again and again

flags.DEFINE_integer("videos", 150_000, "Videos ranked against the plain way.", lower_bound=1)
flags.DEFINE_integer("evaluation_videos", 200_000, "Videos of the evaluation that is timed.", lower_bound=1)
flags.DEFINE_integer("memory_videos", 1_100_000, "Videos kept where memory is measured.", lower_bound=1)
flags.DEFINE_integer("batch_size", 128, "Videos a batch of the evaluation, as in eval.py.", lower_bound=1)
flags.DEFINE_integer("classes", 3862, "Classes.", lower_bound=20)
flags.DEFINE_integer("top_k", 20, "Scores kept of each video.", lower_bound=1)
flags.DEFINE_integer("repeats", 3, "Times that each side runs.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the scores and hits.")
flags.DEFINE_boolean("memory_only", False, "Print the megabytes of --memory_videos, nothing else.")


def numpy_numbers(column):
    return np.ravel(column)


def python_numbers(column):
    return np.ravel(column).tolist()


class HeapAveragePrecision:
    """Average precision of one list, kept as a heap of (score, hit) and ranked by Python's sort."""

    def __init__(self, numbers):
        self.heap, self.positives, self.numbers = [], 0, numbers

    def accumulate(self, scores, hits, positives):
        self.positives += positives
        for pair in zip(scores, hits, strict=True):
            heapq.heappush(self.heap, pair)

    def value(self):
        if not self.positives or not self.heap:
            return 0.0
        shuffled = np.array(random.Random(0).sample(self.heap, len(self.heap)))
        scores, hits = self.numbers(shuffled[:, 0]), self.numbers(shuffled[:, 1])
        order = sorted(range(len(scores)), key=lambda entry: scores[entry], reverse=True)
        found, total = 0, 0.0
        for rank, entry in enumerate(order, start=1):
            if hits[entry] > 0:
                found += 1
                total += found / rank
        return total / self.positives


def random_batches(videos, classes, top_k, seed):
    """`TopK` batches whose hits are more frequent among high scores; 3 labels a video."""
    from yt8m_distill.metrics.top_k import TopK

    generator = np.random.default_rng(seed)
    for begin in range(0, videos, _BATCH):
        size = min(_BATCH, videos - begin)
        scores = -np.sort(-generator.random((size, top_k), np.float32), axis=1)
        hits = generator.random((size, top_k)) < scores**2 * 3 / top_k
        chosen = (generator.integers(0, classes, (size, 1)) + np.arange(top_k)).astype(np.int32) % classes
        positives = np.bincount(chosen[hits], minlength=classes) + 1
        yield TopK(scores, hits, chosen, np.full(size, 3, np.int32), hits[:, 0], hits[:, 0], positives[None])


def heap_gap(batches, numbers):
    calculator = HeapAveragePrecision(numbers)
    for batch in batches:
        calculator.accumulate(numbers(batch.scores), numbers(batch.hits), int(batch.num_labels.sum()))
    return calculator.value()


def heap_map(batches, numbers):
    calculators = [HeapAveragePrecision(numbers) for _ in range(batches[0].positives.shape[1])]
    for batch in batches:
        for label, positives in enumerate(batch.positives[0].tolist()):
            calculators[label].positives += positives
        entries = (numbers(column) for column in (batch.scores, batch.hits, batch.classes))
        for score, hit, label in zip(*entries, strict=True):
            calculators[label].accumulate((score,), (hit,), 0)
    values = [calculator.value() for calculator in calculators if calculator.positives]
    return sum(values) / len(values)


def streamed(metric, batches):
    for batch in batches:
        metric.update_top_k(batch)
    return metric.result()


def timed(function, *arguments):
    start = time.perf_counter()
    value = function(*arguments)
    return time.perf_counter() - start, value


def compare(name, sides, repeats):
    """Runs {side: function} in turn; returns medians and ratios of "ours", and checks that the values agree."""
    seconds, values = {side: [] for side in sides}, {}
    for _ in range(repeats):
        for side, function in sides.items():
            taken, values[side] = timed(function)
            seconds[side].append(taken)
    medians = {side: statistics.median(taken) for side, taken in seconds.items()}
    difference = max(abs(value - values["ours"]) for value in values.values())
    if difference > 1e-4:  # the plain way orders equal scores at random
        raise ValueError(f"{name} differs by {difference}: {values}")
    speedup, floats_speedup = (round(medians[side] / medians["ours"], 1) for side in ("plain", "plain_floats"))
    print(
        f"{name}: {medians['ours']:.3f} s, plain {medians['plain']:.1f} s ({speedup} times as fast), with Python's "
        f"floats {medians['plain_floats']:.1f} s ({floats_speedup}), values differ {difference:.1e}, {load()}",
        flush=True,
    )
    results = {f"{name}_seconds": round(medians["ours"], 3), f"{name}_plain_seconds": round(medians["plain"], 2)}
    return results | {f"{name}_speedup": speedup, f"{name}_speedup_python_floats": floats_speedup}


def load():
    return f"load {os.getloadavg()[0]:.1f}"


def compare_with_heaps():
    """The figures of GAP and mAP, ours and the plain way."""
    from yt8m_distill.metrics.gap import GlobalAveragePrecision
    from yt8m_distill.metrics.mean_average_precision import MeanAveragePrecision

    batches = list(random_batches(FLAGS.videos, FLAGS.classes, FLAGS.top_k, FLAGS.seed))
    results = {}
    for name, metric, plain in (
        ("gap", GlobalAveragePrecision, heap_gap),
        ("map", MeanAveragePrecision, heap_map),
    ):
        streamed(metric(FLAGS.top_k), batches[:1])  # imports and first calls
        sides = {
            "ours": lambda metric=metric: streamed(metric(FLAGS.top_k), batches),
            "plain": lambda plain=plain: plain(batches, numpy_numbers),
            "plain_floats": lambda plain=plain: plain(batches, python_numbers),
        }
        results |= compare(name, sides, FLAGS.repeats)
    return results


def time_evaluation():
    """Median seconds in which the metrics of one evaluation are reduced, kept and ranked."""
    import tensorflow as tf

    from yt8m_distill.metrics.evaluation import EvaluationMetrics
    from yt8m_distill.metrics.top_k import reduce_top_k

    generator = np.random.default_rng(FLAGS.seed)
    step = tf.function(lambda labels, predictions: reduce_top_k(labels, predictions, FLAGS.top_k))
    blocks = [predicted_block(generator) for _ in range(_BLOCKS)]
    metrics, seconds = EvaluationMetrics(FLAGS.top_k), []
    batches = -(-FLAGS.evaluation_videos // FLAGS.batch_size)
    metrics.update_top_k(step(*blocks[0]))  # compiles
    for _ in range(FLAGS.repeats):
        metrics.reset_state()
        begin = time.perf_counter()
        for number in range(batches):
            metrics.update_top_k(step(*blocks[number % _BLOCKS]))
        metrics.result()
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    print(f"all metrics of {batches * FLAGS.batch_size:,} videos: {median:.2f} s, {load()}", flush=True)
    return round(median, 2)


def predicted_block(generator):
    """(labels, predictions), float32 (batch, classes): 3 labels a video, few scores above 0.1."""
    import tensorflow as tf

    shape = (FLAGS.batch_size, FLAGS.classes)
    labels = generator.random(shape) < 3 / FLAGS.classes
    predictions = generator.random(shape, np.float32) ** 64 * 0.9 + labels * generator.random(shape, np.float32) * 0.1
    return tf.constant(labels, tf.float32), tf.constant(predictions, tf.float32)


def memory_of_entries():
    """MB above what the process held before, at most, while --memory_videos are kept and ranked."""
    from yt8m_distill.metrics.evaluation import EvaluationMetrics

    metrics = EvaluationMetrics(FLAGS.top_k)
    streamed(metrics, random_batches(2 * _BATCH, FLAGS.classes, FLAGS.top_k, FLAGS.seed))  # imports and first calls
    metrics.reset_state()
    process_memory.reset_peak_memory()
    before = process_memory.peak_memory()
    streamed(metrics, random_batches(FLAGS.memory_videos, FLAGS.classes, FLAGS.top_k, FLAGS.seed))
    return (process_memory.peak_memory() - before) / 2**20


def memory_in_its_own_process():
    given = [f"--{name}={FLAGS[name].value}" for name in ("memory_videos", "classes", "top_k", "seed")]
    process = subprocess.run(
        [sys.executable, __file__, "--memory_only", *given], check=True, stdout=subprocess.PIPE, text=True
    )
    megabytes = round(float(process.stdout.split()[-1]))
    print(f"memory of the metrics at {FLAGS.memory_videos:,} videos: {megabytes} MB", flush=True)
    return megabytes


def main(arguments):
    command.no_arguments(arguments)
    command.import_tensorflow()
    if FLAGS.memory_only:
        print(memory_of_entries())
        return
    results = {name: FLAGS[name].value for name in ("videos", "classes", "top_k", "batch_size")}
    results[f"memory_mb_{FLAGS.memory_videos}_videos"] = memory_in_its_own_process()
    results[f"evaluation_seconds_{FLAGS.evaluation_videos}_videos"] = time_evaluation()
    print(json.dumps(results | compare_with_heaps()))


if __name__ == "__main__":
    command.run(main, __doc__)
