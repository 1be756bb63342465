"""Times the reading of frame-level records: this project's `read_batches` against plain TFRecord reading and against
a parser of one record at a time that pads to float32, as the starter code's does.

  raw             tf.data.TFRecordDataset over the files, one after the other; nothing parsed
  plain           parse_single_sequence_example, decode, dequantise, pad to 300 frames of float32, dense labels, batch
  plain_parallel  the same with two parallel parses and files read side by side
  parsed          read_batches without an index: records parsed in eights by TensorFlow
  full            read_batches with its index: all frames copied from memory-mapped files
  k30             the same, 30 frames of each video at equal distances

All sides read the same files in turn in one process (A B C A B C ...), with autotuning off; the first round is thrown
away. The index is built before, and its seconds are told. Peak memory is that of a process of its own for each side,
TensorFlow itself and mapped pages of the files included. The last line is one JSON object: medians in videos/s, and
ratios as medians over the rounds. On a machine that others share, read the CPU time: two parallel readers gain nothing
there where only one core is free.

Without --data_pattern it writes 2000 videos of YouTube-8M's size (530 MB) to a temporary folder first; the files are
then in the system's cache, and what is measured is the work, not the disk; with --cold it is the disk. Three minutes:
python benchmarks/input_pipeline.py
"""

import dataclasses
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from absl import flags
from parts import process_memory
from parts.made_videos import write_videos

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_READERS = 8

flags.DEFINE_string("data_pattern", None, "Frame-level files to read; written to a temporary folder when not given.")
flags.DEFINE_integer("videos", 2000, "Videos written when no data is given.", lower_bound=8)
flags.DEFINE_integer("rounds", 7, "Times that each side runs, after one that does not count.", lower_bound=1)
flags.DEFINE_boolean("memory", True, "Measure peak memory, too.")
flags.DEFINE_boolean("cold", False, "Drop the files from the system's cache before every pass: measures the disk.")
flags.DEFINE_string("side", None, "Run this side once and print its peak memory in MB, nothing else.")


def read_raw(shards, spec):
    import tensorflow as tf

    return _without_autotuning(tf.data.TFRecordDataset(shards))


def parse_plainly(serialized, spec):
    """One record as the starter code parses it: float32 frames padded to the limit, labels dense."""
    import tensorflow as tf

    context, frames = tf.io.parse_single_sequence_example(
        serialized,
        context_features={"id": tf.io.FixedLenFeature([], tf.string), "labels": tf.io.VarLenFeature(tf.int64)},
        sequence_features={name: tf.io.FixedLenSequenceFeature([], tf.string) for name in spec.names},
    )
    padded = [_dequantized_and_padded(frames[name], size, spec.max_frames) for name, size in spec.size_by_name.items()]
    labels = tf.sparse.to_indicator(context["labels"], spec.num_classes)
    labels.set_shape([spec.num_classes])
    num_frames = tf.minimum(tf.shape(frames[spec.names[0]])[0], spec.max_frames)
    return context["id"], tf.concat(padded, axis=1), labels, num_frames


def _dequantized_and_padded(strings, size, max_frames):
    import tensorflow as tf

    decoded = tf.reshape(tf.cast(tf.io.decode_raw(strings, tf.uint8), tf.float32), [-1, size])
    frames = (decoded * (4 / 255) + (4 / 512 - 2))[:max_frames]
    padded = tf.pad(frames, [[0, max_frames - tf.shape(frames)[0]], [0, 0]])
    return tf.ensure_shape(padded, [max_frames, size])


def read_plainly(shards, spec, batch_size, parallel=False):
    import tensorflow as tf

    records = tf.data.TFRecordDataset(shards, num_parallel_reads=_READERS if parallel else None)
    parsed = records.map(lambda record: parse_plainly(record, spec), num_parallel_calls=2 if parallel else None)
    return _without_autotuning(parsed.batch(batch_size).prefetch(2))


def read_ours(shards, spec, batch_size, sampled_frames=0, record_index=True):
    from yt8m_distill.data.pipeline import ReadOptions, read_batches

    spec = dataclasses.replace(spec, sampled_frames=sampled_frames)
    return read_batches(shards, spec, ReadOptions(batch_size, num_readers=_READERS, record_index=record_index))


def _without_autotuning(dataset):
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


_KINDS = {
    "plain": read_plainly,
    "plain_parallel": functools.partial(read_plainly, parallel=True),
    "parsed": functools.partial(read_ours, record_index=False),
    "full": read_ours,
    "k30": functools.partial(read_ours, sampled_frames=30),
}
SIDES = {"raw": read_raw} | {
    f"{kind}_{size}": functools.partial(read, batch_size=size) for size in (128, 32) for kind, read in _KINDS.items()
}


def time_a_pass(dataset):
    """(seconds, seconds of CPU in all threads)."""
    iterator = iter(dataset)
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in iterator:
        pass
    return time.perf_counter() - start, time.process_time() - cpu_start


def drop_from_cache(shards):
    for path in shards:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(shards, spec, rounds):
    """{side: (seconds, CPU seconds) of each round}, the sides in turn."""
    datasets = {side: read(shards, spec) for side, read in SIDES.items()}
    times = {side: [] for side in SIDES}
    for number in range(rounds + 1):
        for side, dataset in datasets.items():
            if FLAGS.cold:
                drop_from_cache(shards)
            taken = time_a_pass(dataset)
            if number:
                times[side].append(taken)
    return times


def peak_memory(side, shards):
    """MB of a fresh process that runs one side once."""
    arguments = [sys.executable, __file__, f"--data_pattern={','.join(shards)}", f"--side={side}"]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()[-1])


def summarize(times, videos):
    """Medians of videos/s and of CPU milliseconds a video, and ours against the others, round by round."""

    def times_as_fast(side, other):
        pairs = zip(times[side], times[other], strict=True)
        return round(statistics.median(theirs / ours for (ours, _), (theirs, _) in pairs), 2)

    medians = {side: [statistics.median(column) for column in zip(*rows, strict=True)] for side, rows in times.items()}
    results = {
        "videos_per_second": {side: round(videos / wall) for side, (wall, _) in medians.items()},
        "cpu_ms_per_video": {side: round(1000 * cpu / videos, 3) for side, (_, cpu) in medians.items()},
    }
    for size, suffix in ((128, ""), (32, "_32")):
        results[f"full_vs_raw_read{suffix}"] = times_as_fast(f"full_{size}", "raw")
        results[f"full_vs_plain{suffix}"] = times_as_fast(f"full_{size}", f"plain_{size}")
        results[f"full_vs_plain_parallel{suffix}"] = times_as_fast(f"full_{size}", f"plain_parallel_{size}")
        results[f"full_vs_parsed{suffix}"] = times_as_fast(f"full_{size}", f"parsed_{size}")
        results[f"k30_vs_raw_read{suffix}"] = times_as_fast(f"k30_{size}", "raw")
    return results


def compare_memory(shards):
    peaks = {side: round(peak_memory(side, shards)) for side in SIDES}
    print(f"peak memory, MB: {peaks}")
    ratio = max(peaks[f"full_{size}"] / peaks[f"parsed_{size}"] for size in (128, 32))
    return {"peak_memory_mb": peaks, "memory_vs_parsed": round(ratio, 2)}


def compare(shards, spec):
    from yt8m_distill.data.index_cache import index_shards
    from yt8m_distill.data.shards import count_records

    videos = count_records(shards)
    start = time.perf_counter()
    index_shards(shards)
    index_seconds = time.perf_counter() - start
    load = os.getloadavg()[0]
    results = summarize(measure(shards, spec, FLAGS.rounds), videos)
    for side in SIDES:
        speed, cpu = (results[k][side] for k in ("videos_per_second", "cpu_ms_per_video"))
        print(f"{side:20} {speed:7} videos/s {cpu:7} ms of CPU a video")
    if FLAGS.memory:
        results |= compare_memory(shards)
    results |= {"videos": videos, "index_seconds": round(index_seconds, 2), "load_before": round(load, 1)}
    print(json.dumps(results))


def main(arguments):
    command.no_arguments(arguments)
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.spec import FeatureSpec

    spec = FeatureSpec()
    if FLAGS.side:
        time_a_pass(SIDES[FLAGS.side](find_shards(FLAGS.data_pattern, "--data_pattern"), spec))
        print(process_memory.peak_memory() / 2**20)
    elif FLAGS.data_pattern:
        compare(find_shards(FLAGS.data_pattern, "--data_pattern"), spec)
    else:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["YT8M_DISTILL_INDEX_DIR"] = os.path.join(folder, "index")
            write_videos(folder, FLAGS.videos)
            compare(find_shards(os.path.join(folder, "*.tfrecord")), spec)


if __name__ == "__main__":
    command.run(main, __doc__)
