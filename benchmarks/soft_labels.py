"""What stored soft labels cost and lose: bytes a video, the time to join them to batches, and what is not kept.

  bytes  files of a store of made scores: --top_k best of 3862 classes, and all of them (0); all as float32, which the
         authors of soft labels wrote into copies of their records, are 15,448
  open   SoftLabels of --stored videos read into memory
  join   SoftLabels.batch for batches of --batch_size ids drawn from all of them at random, one thread
  read   read_batches with its index, over frame-level records of YouTube-8M's size that are in the system's cache: all
         frames, and 30 of each video; the share is the seconds of a join over those of reading the same batch
  lost   with --checkpoint and --data_pattern: the dense target of a run's stored scores against its own predictions, at
         temperatures 1 and 2: share of the scores' sum that is kept, mean absolute error of a class, and the error's
         norm over that of the target; the first 4096 videos

Reading and joining take turns (A B A B ...), the first round is thrown away. The last line is one JSON object: medians.
Two minutes: python benchmarks/soft_labels.py
"""

import dataclasses
import json
import os
import statistics
import tempfile
import time

import numpy as np
from absl import flags
from parts.made_videos import write_videos

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_CLASSES = 3862
_JOINED = 40  # batches of one timing
_COMPARED = 32  # batches of 128 videos whose predictions are compared

flags.DEFINE_list("top_k", ["20", "50", "100", "0"], "Scores kept of each video; 0 for all.")
flags.DEFINE_integer("videos", 1000, "Videos of the records that are read.", lower_bound=8)
flags.DEFINE_integer("stored", 20_000, "Videos of the stores.", lower_bound=1)
flags.DEFINE_integer("large", 1_000_000, "Videos of one more store, of 100 scores each; 0 for none.", lower_bound=0)
flags.DEFINE_integer("batch_size", 128, "Videos a batch.", lower_bound=1)
flags.DEFINE_integer("rounds", 5, "Times that each side runs, after one that does not count.", lower_bound=1)
flags.DEFINE_string("checkpoint", None, "Run whose predictions are compared with what a store keeps of them.")
flags.DEFINE_string("data_pattern", None, "Records for the predictions of --checkpoint.")


def made_store(folder, videos, top_k):
    """Writes a store of random scores for `videos` videos, and returns its directory."""
    from yt8m_distill.checksums import file_sha256
    from yt8m_distill.distillation import soft_label_files as files

    settings = files.StoreSettings((), _CLASSES, top_k)
    rows = np.zeros(videos, files.row_dtype(settings, 4))
    generator = np.random.default_rng(0)
    rows["id"] = video_ids(videos)
    rows["scores"] = -np.sort(-(generator.random(rows["scores"].shape, np.float32) ** 8), axis=1)
    rows["classes"] = generator.integers(0, _CLASSES, (videos, 1)) + np.arange(top_k) * 17
    rows["rest"] = 0.1
    directory = os.path.join(folder, f"{videos}_{top_k}")
    os.makedirs(directory)
    files.write_rows(directory, "made", rows)
    checksum = file_sha256(files.rows_path(directory, "made"))
    files.write_settings(directory, settings, {"made": files.StoredShard("made", 0, "", videos, checksum, 1.0, 0.0)})
    return directory


def video_ids(count):
    """Ids of four letters and digits, as YouTube-8M's, in no order."""
    digits = np.array(list(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"), np.uint8)
    numbers = np.arange(count, dtype=np.int64) * 1_000_003 % 36**4
    return np.ascontiguousarray(digits[numbers[:, None] // 36 ** np.arange(4) % 36]).view("S4").ravel()


def seconds_of(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def join(store, batches):
    for ids in batches:
        store.batch(ids)


def read(shards, spec):
    from yt8m_distill.data.pipeline import ReadOptions, read_batches

    for _ in read_batches(shards, spec, ReadOptions(FLAGS.batch_size)):
        pass


def measure(folder):
    """The figures of bytes, opening, joining and reading."""
    from yt8m_distill.distillation.soft_labels import SoftLabels
    from yt8m_distill.spec import FeatureSpec

    sizes = {(FLAGS.stored, int(top_k)): str(int(top_k) or "all") for top_k in FLAGS.top_k}
    sizes |= {(FLAGS.large, 100): f"100_of_{FLAGS.large}"} if FLAGS.large else {}
    results, sides = {"bytes_per_video": {}, "open_seconds": {}}, {}
    for (videos, top_k), name in sizes.items():
        directory = made_store(folder, videos, top_k)
        begin = time.perf_counter()
        store = SoftLabels(directory)
        results["open_seconds"][name] = round(time.perf_counter() - begin, 3)
        results["bytes_per_video"][name] = round(os.path.getsize(os.path.join(directory, "made.npy")) / videos, 1)
        drawn = np.random.default_rng(1).choice(video_ids(videos), (_JOINED, FLAGS.batch_size)).astype(object)
        sides[f"join_{name}"] = lambda store=store, drawn=drawn: join(store, drawn)
    shards = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".tfrecord"))
    for name, spec in (("all_frames", FeatureSpec()), ("k30", dataclasses.replace(FeatureSpec(), sampled_frames=30))):
        sides[f"read_{name}"] = lambda spec=spec: read(shards, spec)
    return results | rates(sides)


def rates(sides):
    """Runs the sides in turn; medians in videos/s, and each join's share of the seconds of reading."""
    seconds = {name: [] for name in sides}
    for _ in range(FLAGS.rounds + 1):
        for name, side in sides.items():
            seconds[name].append(seconds_of(side))
    counts = {name: FLAGS.videos if name.startswith("read") else _JOINED * FLAGS.batch_size for name in sides}
    speeds = {name: counts[name] / statistics.median(taken[1:]) for name, taken in seconds.items()}
    shares = {
        f"{join}_of_{reading}": round(speeds[reading] / speeds[join], 4)
        for reading in sides
        if reading.startswith("read")
        for join in sides
        if join.startswith("join")
    }
    return {"videos_per_second": {name: round(speed) for name, speed in speeds.items()}, "join_share": shares}


def lost():
    """{temperature: {top_k: figures}} of what a store would keep of a run's predictions."""
    from yt8m_distill.data.pipeline import ReadOptions, read_batches
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.distillation.mixture import soften
    from yt8m_distill.inference.soft_labels import make_predict, store_settings
    from yt8m_distill.run_config import find_run, restore_model

    run = find_run(FLAGS.checkpoint)
    predict, source = make_predict([restore_model(run)], [run.config.features], store_settings([run], [1.0], top_k=0))
    batches = read_batches(find_shards(FLAGS.data_pattern, "--data_pattern"), source, ReadOptions(128), labelled=False)
    scores = np.concatenate([predict(batch)["scores"] for batch in batches.take(_COMPARED)])
    kept = [int(top_k) for top_k in FLAGS.top_k if int(top_k)]
    return {f"T={t:g}": {top_k: loss(np.asarray(soften(scores, t)), top_k) for top_k in kept} for t in (1, 2)}


def loss(scores, top_k):
    """What is lost of float32 (videos, classes) scores."""
    from yt8m_distill.distillation.soft_labels import dense_scores

    classes = np.argpartition(-scores, top_k, axis=1)[:, :top_k].astype(np.int32)
    best = np.take_along_axis(scores, classes, axis=1)
    stored = best.astype(np.float16).astype(np.float32)
    dense = np.asarray(dense_scores(classes, stored, scores.sum(axis=1) - best.sum(axis=1), scores.shape[1]))
    error = np.abs(dense - scores)
    return {
        "kept_share": round(float(best.sum() / scores.sum()), 4),
        "mean_absolute_error": float(f"{error.mean():.3g}"),
        "relative_norm": round(float(np.linalg.norm(error) / np.linalg.norm(scores)), 4),
    }


def main(arguments):
    command.no_arguments(arguments)
    command.import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["YT8M_DISTILL_INDEX_DIR"] = os.path.join(folder, "index")
        write_videos(folder, FLAGS.videos)
        results = measure(folder)
        if FLAGS.checkpoint:
            results["lost"] = lost()
    for name, figures in results.items():
        print(f"{name}: {figures}")
    print(json.dumps(results))


if __name__ == "__main__":
    command.run(main, __doc__)
