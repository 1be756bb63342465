"""Times whole training steps against plain transcriptions of the published models (benchmarks/parts/plain_models.py).

Batches of 32 videos of 300 frames in memory; forward, backward, clipping and Adam. Both sides start from the same
weights, and their losses and gradients are compared first. TensorFlow decides about oneDNN when it is imported, so each
side runs in a process of its own and takes one step after the other's (A B A B ...). Pairs:

- every model, both sides with the project's TensorFlow settings, all videos 300 frames long;
- "off": NeXtVLAD, both sides without oneDNN;
- "default": NeXtVLAD as the project trains it, 16 batches of videos as long as in YouTube-8M (120 to 300 frames, mean
  229) drawn as `bucketed_order` draws them and cut to their longest video, against the plain side on the same videos in
  any order, padded to 300, with TensorFlow's own default, which is oneDNN on processors that have AVX512-VNNI or
  AVX-VNNI, and on Intel's;
- "on-off": the same, the plain side without oneDNN, which is its default on older processors of AMD.

The last line is one JSON object: ratios of medians (of means over the 16 batches where lengths differ), share of the
matrix peak (a 4096 x 4096 x 4096 product in the same run), and the peak memory of a NeXtVLAD step on 80 videos of 300
frames, each in a fresh process. Eight minutes: python benchmarks/train_step.py --rounds=5
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import time

from absl import flags
from parts import process_memory
from parts.training_multiply_adds import training_multiply_adds

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS
# What bounds a step, from TensorFlow's profiler on two cores.
BOUNDS = {
    "NeXtVLAD": "products of matrices, three quarters of the step; then by memory: Adam over 85 million weights, batch "
    "norm and softmax of the scores.",
    "NetVLAD": "memory: clip and Adam read and write 91 million weights, with which few products are made.",
    "DBoF": "frames times clusters and its two gradients, of which one serves the batch norm of the input alone.",
    "HRNN": "products of matrices, most of them those of the lower LSTMs at every frame.",
}
_SIZES = (1024, 128)
_LENGTH_BATCHES = 16  # as many as `bucketed_order` sorts together
_MEAN_SHARE = 229 / 300  # of the rows, in batches of YouTube-8M's lengths

flags.DEFINE_list("models", list(BOUNDS), "Which to time.")
flags.DEFINE_integer("batch_size", 32, "Videos.", lower_bound=2)
flags.DEFINE_integer("num_frames", 300, "Rows of the batch.", lower_bound=1)
flags.DEFINE_integer("rounds", 5, "Steps of either side.", lower_bound=1)
flags.DEFINE_bool("pairs_of_settings", True, "Time NeXtVLAD with other settings too, and measure its memory.")
flags.DEFINE_enum("worker", None, ["ours", "plain", "check", "peak", "memory"], "Used by the benchmark itself.")
flags.DEFINE_enum("onednn", "project", ["project", "off", "default"], "Used by the benchmark itself.")
flags.DEFINE_bool("youtube_lengths", False, "Used by the benchmark itself.")


def batch_of(num_frames, rows):
    """A batch of random bytes and labels."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    videos = len(num_frames)
    labels = rng.integers(0, 3862, (videos, 3))
    batch = {"num_frames": np.array(num_frames, "int32"), "labels": labels.astype("int32")}
    for name, size in zip(("rgb", "audio"), _SIZES, strict=True):
        batch[name] = rng.integers(0, 256, (videos, rows, size), dtype="uint8")
    return {name: tf.constant(value) for name, value in batch.items()}


def full_batch():
    return batch_of([FLAGS.num_frames] * FLAGS.batch_size, FLAGS.num_frames)


def batches_of_youtube_lengths(bucketed):
    """Batches of like length cut to their longest video, or of any length padded to --num_frames."""
    import numpy as np

    from yt8m_distill.data.record_order import bucketed_order

    videos = _LENGTH_BATCHES * FLAGS.batch_size
    # 120 seconds and an exponential rest, cut at 300: mean 229.
    seconds = 120 + np.random.default_rng(0).exponential(165, videos)
    lengths = np.minimum(FLAGS.num_frames, (FLAGS.num_frames * seconds / 300).astype(int))
    order = bucketed_order(np.arange(videos), lengths, FLAGS.batch_size, 0, 0) if bucketed else np.arange(videos)
    batches = lengths[order].reshape(_LENGTH_BATCHES, FLAGS.batch_size)
    return [batch_of(batch, batch.max() if bucketed else FLAGS.num_frames) for batch in batches]


def model_of(name, **overrides):
    from yt8m_distill.hyperparameters import registry
    from yt8m_distill.models.classifier import build_model
    from yt8m_distill.spec import FeatureSpec

    config = registry.model_config(name)
    known = {field: value for field, value in overrides.items() if field in config.fields}
    return build_model(registry.model_config(name, **known), FeatureSpec(), seed=0)


def our_step(name):
    import tensorflow as tf

    from yt8m_distill.hyperparameters.training import TrainingParams
    from yt8m_distill.spec import FeatureSpec
    from yt8m_distill.training.objective import LabelObjective
    from yt8m_distill.training.optimizers import make_optimizer
    from yt8m_distill.training.step import make_train_step

    model, params = model_of(name), TrainingParams(batch_size=FLAGS.batch_size)
    optimizer = make_optimizer(params, params.base_learning_rate)
    optimizer.build(model.trainable_variables)
    objective = LabelObjective(model, FeatureSpec(), params)
    step = make_train_step(objective, optimizer, params, tf.distribute.get_strategy())
    return lambda batch: step(batch)[0]


def plain_step(name):
    from parts import plain_models

    from yt8m_distill.hyperparameters.training import TrainingParams

    model = model_of(name)
    return plain_models.make_train_step(
        model, TrainingParams().base_learning_rate, getattr(model.aggregator, "drop_rate", 0.0)
    )


def peak_step(name):
    import tensorflow as tf

    a, b = (tf.random.stateless_normal((4096, 4096), (0, seed)) for seed in range(2))
    return tf.function(lambda batch: tf.matmul(a, b)[0, 0])


def check(name):
    """Largest difference between the two sides' losses and gradients, as a share of them, without dropout."""
    import tensorflow as tf
    from parts import plain_models

    model, batch = model_of(name, drop_rate=0.0), full_batch()

    @tf.function
    def ours():
        with tf.GradientTape() as tape:
            predictions = model(batch, training=True)["predictions"]
            loss = plain_models.cross_entropy(batch, predictions, predictions.shape[-1])
            total = loss + tf.add_n(model.losses)
        return loss, tape.gradient(total, [variable.value for variable in model.trainable_variables])

    (loss, gradients), (plain_loss, plain) = ours(), tf.function(plain_models.loss_and_gradients)(model, batch, 0.0)
    least = 1e-3 * tf.linalg.global_norm(plain)  # the gradients of some biases are zero but for rounding
    pairs = zip(gradients, plain, strict=True)
    differences = [tf.norm(mine - other) / tf.maximum(tf.norm(other), least) for mine, other in pairs]
    return max(abs(float(loss / plain_loss) - 1), *map(float, differences))


def serve(name):
    """A step for every line of stdin: its seconds, and those of the processors."""
    if FLAGS.onednn == "off":
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    if FLAGS.onednn == "default":
        os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
    command.import_tensorflow()
    if FLAGS.worker == "check":
        return print(check(name), flush=True)
    step = {"plain": plain_step, "peak": peak_step}.get(FLAGS.worker, our_step)(name)
    batches = batches_of_youtube_lengths(FLAGS.worker == "ours") if FLAGS.youtube_lengths else [full_batch()]
    for batch in itertools.islice(itertools.cycle(batches), 3):
        step(batch).numpy()
    print(process_memory.peak_memory() / 2**30, flush=True)
    for _, batch in zip(sys.stdin, itertools.cycle(batches), strict=False):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        step(batch).numpy()
        print(time.perf_counter() - begin, time.process_time() - cpu_begin, flush=True)


class Worker:
    """One side in a process of its own."""

    def __init__(self, name, side, onednn="project", youtube_lengths=False, batch_size=None):
        options = {"models": name, "worker": side, "onednn": onednn, "num_frames": FLAGS.num_frames}
        options |= {"batch_size": batch_size or FLAGS.batch_size, "youtube_lengths": str(youtube_lengths).lower()}
        arguments = [f"--{option}={value}" for option, value in options.items()]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._steps = []

    def answer(self):
        """The next numbers that it says."""
        line = self._process.stdout.readline()
        if not line:
            raise InputError("a worker of the benchmark ended early: see its message above.")
        return [float(number) for number in line.split()]

    def step(self):
        print(file=self._process.stdin, flush=True)
        self._steps.append(self.answer())

    def close(self, average):
        """`average` of the steps' seconds and of the processors' seconds."""
        self._process.stdin.close()
        self._process.wait()
        return [average(column) for column in zip(*self._steps, strict=True)]


def ask(*args, **options):
    """The number that a worker says first."""
    worker = Worker(*args, **options)
    [answer] = worker.answer()
    worker.close(statistics.median)
    return answer


def compare(name, ours=None, plain=None, label="project"):
    """Steps of both sides and the 4096^3 product, in processes that take turns.

    The ratio of the processors' seconds is the one to read on a machine that has other work.
    """
    workers = [Worker(name, "ours", **ours or {}), Worker(name, "plain", **plain or {})]
    workers.append(Worker(name, "peak", onednn=(ours or {}).get("onednn", "project")))
    for worker in workers:
        worker.answer()
    of_lengths = "youtube_lengths" in (ours or {})
    for _ in range(_LENGTH_BATCHES if of_lengths else FLAGS.rounds):
        for worker in workers:
            worker.step()
    average = statistics.fmean if of_lengths else statistics.median
    (mine, my_cpu), (other, other_cpu), (peak, _) = (worker.close(average) for worker in workers)
    speed = (
        2 * training_multiply_adds(name, FLAGS.batch_size, FLAGS.num_frames * (_MEAN_SHARE if of_lengths else 1)) / mine
    )
    share, load = speed / (2 * 4096**3 / peak), os.getloadavg()[0]
    print(
        f"{name:<9} {label:<8} {mine:7.3f} s, plain {other:7.3f} s, {other / mine:5.2f} times as fast (CPU "
        f"{other_cpu / my_cpu:.2f}); {speed / 1e9:4.0f} GFLOP/s, {share:4.0%} of the matrix peak (load {load:.1f})",
        flush=True,
    )
    ratios = {"vs_plain": other / mine, "cpu_vs_plain": other_cpu / my_cpu, "share": share}
    return {"seconds": round(mine, 3), "plain_seconds": round(other, 3), **ratios}


def other_settings():
    """NeXtVLAD without oneDNN and as it is run by default, and its memory."""
    off = compare("NeXtVLAD", {"onednn": "off"}, {"onednn": "off"}, "off")
    lengths = {"youtube_lengths": True}
    default = compare("NeXtVLAD", lengths, {**lengths, "onednn": "default"}, "default")
    older = compare("NeXtVLAD", lengths, {**lengths, "onednn": "off"}, "on-off")
    memory = {side: ask("NeXtVLAD", side, batch_size=80) for side in ("ours", "plain")}
    print(f"NeXtVLAD  80 videos: {memory['ours']:.1f} GiB, plain {memory['plain']:.1f} GiB", flush=True)
    return {
        "nextvlad_off_vs_plain": round(off["vs_plain"], 2),
        "nextvlad_default_vs_plain": round(default["vs_plain"], 2),
        "nextvlad_off_cpu_vs_plain": round(off["cpu_vs_plain"], 2),
        "nextvlad_default_cpu_vs_plain": round(default["cpu_vs_plain"], 2),
        "nextvlad_project_vs_plain_off": round(older["vs_plain"], 2),
        "nextvlad_default_seconds": default["seconds"],
        "nextvlad_default_plain_seconds": default["plain_seconds"],
        "nextvlad_batch_80_gib": round(memory["ours"], 2),
        "nextvlad_batch_80_plain_gib": round(memory["plain"], 2),
    }


def main(arguments):
    command.no_arguments(arguments)
    if unknown := [name for name in FLAGS.models if name not in BOUNDS]:
        raise InputError(f"--models={','.join(unknown)}: expected some of {', '.join(BOUNDS)}.")
    if FLAGS.worker:
        return serve(FLAGS.models[0])
    results = {}
    for name in FLAGS.models:
        difference = ask(name, "check")
        if not difference < 1e-3:
            raise InputError(f"{name}: the two sides' gradients differ by {difference:.1e} of their norms.")
        found = compare(name)
        print(f"{name:<9} gradients differ by {difference:.0e}. Bound by {BOUNDS[name]}", flush=True)
        key = name.lower()
        results |= {f"{key}_vs_plain": round(found["vs_plain"], 2), f"{key}_peak_share": round(found["share"], 2)}
        results |= {f"{key}_cpu_vs_plain": round(found["cpu_vs_plain"], 2)}
        results |= {f"{key}_seconds": found["seconds"], f"{key}_gradient_difference": difference}
    if FLAGS.pairs_of_settings and "NeXtVLAD" in FLAGS.models:
        results |= other_settings()
    print(json.dumps({"batch_size": FLAGS.batch_size, "num_frames": FLAGS.num_frames, **results}))


if __name__ == "__main__":
    command.run(main, __doc__)
