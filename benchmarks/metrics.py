"""Times GAP and mAP against the plain way: a heap of Python pairs per list, one loop over the ranking.

The plain way is the algorithm of the starter code's average_precision_calculator.py. Both get the same top-k entries
of the same videos in batches of 1024, in turn (A B A B ...). The last line is one JSON object: medians in seconds and
ratios. The default takes about a minute: python benchmarks/metrics.py --videos=150000
"""

import heapq
import json
import random
import statistics
import time

import numpy as np
from absl import flags

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_BATCH = 1024

flags.DEFINE_integer("videos", 150_000, "Videos evaluated.", lower_bound=1)
flags.DEFINE_integer("classes", 3862, "Classes.", lower_bound=20)
flags.DEFINE_integer("top_k", 20, "Scores kept of each video.", lower_bound=1)
flags.DEFINE_integer("repeats", 3, "Times that each side runs.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the scores and hits.")


class HeapAveragePrecision:
    """Average precision of one list, kept as a heap of (score, hit)."""

    def __init__(self):
        self.heap, self.positives = [], 0

    def accumulate(self, scores, hits, positives):
        self.positives += positives
        for pair in zip(scores, hits, strict=True):
            heapq.heappush(self.heap, pair)

    def value(self):
        pairs = random.Random(0).sample(self.heap, len(self.heap))
        pairs.sort(key=lambda pair: pair[0], reverse=True)
        found, total = 0, 0.0
        for rank, (_, hit) in enumerate(pairs, start=1):
            if hit:
                found += 1
                total += found / rank
        return total / self.positives if self.positives else 0.0


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


def heap_gap(batches):
    calculator = HeapAveragePrecision()
    for batch in batches:
        entries = batch.scores.ravel().tolist(), batch.hits.ravel().tolist()
        calculator.accumulate(*entries, int(batch.num_labels.sum()))
    return calculator.value()


def heap_map(batches):
    calculators = [HeapAveragePrecision() for _ in range(batches[0].positives.shape[1])]
    for batch in batches:
        for label, positives in enumerate(batch.positives[0].tolist()):
            calculators[label].positives += positives
        entries = (column.ravel().tolist() for column in (batch.scores, batch.hits, batch.classes))
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


def compare(name, ours, plain, repeats):
    """Runs both in turn; returns medians and ratio, and checks that the values agree."""
    seconds = {"ours": [], "plain": []}
    for _ in range(repeats):
        for side, function in (("ours", ours), ("plain", plain)):
            taken, value = timed(function)
            seconds[side].append(taken)
            seconds[f"{side}_value"] = value
    ours, plain = statistics.median(seconds["ours"]), statistics.median(seconds["plain"])
    difference = abs(seconds["ours_value"] - seconds["plain_value"])
    if difference > 1e-4:  # the plain way orders equal scores at random
        raise ValueError(f"{name} differs by {difference}: {seconds['ours_value']} and {seconds['plain_value']}")
    print(
        f"{name}: {ours:.3f} s, plain {plain:.3f} s, {plain / ours:.1f} times as fast, values differ {difference:.1e}"
    )
    return {f"{name}_seconds": ours, f"{name}_plain_seconds": plain, f"{name}_speedup": round(plain / ours, 1)}


def main(_):
    from yt8m_distill.metrics.gap import GlobalAveragePrecision
    from yt8m_distill.metrics.mean_average_precision import MeanAveragePrecision

    batches = list(random_batches(FLAGS.videos, FLAGS.classes, FLAGS.top_k, FLAGS.seed))
    results = {"videos": FLAGS.videos, "classes": FLAGS.classes, "top_k": FLAGS.top_k}
    for name, metric, plain in (
        ("gap", GlobalAveragePrecision, heap_gap),
        ("map", MeanAveragePrecision, heap_map),
    ):
        streamed(metric(FLAGS.top_k), batches[:1])  # imports and first calls
        ours = lambda metric=metric: streamed(metric(FLAGS.top_k), batches)  # noqa: E731
        results |= compare(name, ours, lambda plain=plain: plain(batches), FLAGS.repeats)
    print(json.dumps(results))


if __name__ == "__main__":
    command.run(main, __doc__)
