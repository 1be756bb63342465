"""Times forward and training steps of registered models on a GPU where there is one, under any of Keras's backends.

JAX (jax.jit) and PyTorch (eager) run without TensorFlow, which is kept from being imported; TensorFlow runs one
tf.function. Batches are random bytes that lie on the device already, every video of --num_frames frames, so that
neither reading nor copying counts. A training step is forward, cross entropy against random labels, gradients, Adam.
Every step waits for the device; the first, which compiles, does not count. A model is built anew for every batch size.

`share_of_peak` is the model's products of matrices (2 operations a multiply-add, as yt8m_distill.bin.cost counts them;
a training step is estimated as three forward steps) per second over what a product of two square matrices reaches in
the same process and precision: sides of 8192, on a CPU of 2048. tf32 means float32 products that a GPU rounds to
TensorFloat-32; it is left out on a CPU, and float32 never is rounded. `memory_mb` is what `memory_is` says. A batch
that does not fit is a row that says so. (A CPU's kernel may end the process instead.)

The last line is one JSON object: backend, device, measured peaks, rows.
  python benchmarks/model_step.py --backend=jax --models=NeXtVLAD,NetVLAD --batch_sizes=80,256,1024
On two cores: --models=NeXtVLAD_tiny --batch_sizes=16 --precisions=float32 --steps=3
"""

import importlib
import importlib.util
import json
import os
import statistics
import sys
import time

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS
BACKENDS = ("jax", "torch", "tensorflow")
PRECISIONS = ("float32", "tf32", "mixed_bfloat16")
_OUT_OF_MEMORY = ("resource_exhausted", "out of memory", "oom when", "can't allocate memory")

flags.DEFINE_enum(
    "backend", None, BACKENDS, "Of Keras. Default: KERAS_BACKEND, or the first of these that is installed."
)
flags.DEFINE_list("models", ["NeXtVLAD", "NetVLAD", "DBoF", "HRNN"], "Registered models.")
flags.DEFINE_list("batch_sizes", ["80", "256", "1024"], "Videos of a batch.")
flags.DEFINE_integer("num_frames", 300, "Frames of each video.", lower_bound=1)
flags.DEFINE_list("precisions", list(PRECISIONS), "Arithmetic.")
flags.DEFINE_integer("steps", 10, "Steps that are timed, after one that does not count.", lower_bound=1)
flags.DEFINE_bool("training", True, "Time the training step, too.")


def check_flags():
    if unknown := [name for name in FLAGS.precisions if name not in PRECISIONS]:
        raise InputError(f"--precisions={','.join(unknown)}: expected some of {', '.join(PRECISIONS)}.")
    if not all(size.isdecimal() and int(size) for size in FLAGS.batch_sizes):
        raise InputError(f"--batch_sizes={','.join(FLAGS.batch_sizes)}: expected numbers of at least 1.")


def start_backend():
    """Has Keras start with the backend of the flags; raises InputError where that is not installed."""
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    backend = FLAGS.backend or os.environ.get("KERAS_BACKEND") or next(iter(installed), None)
    if backend not in installed:
        raise InputError(f"--backend={backend}: expected one that is installed: {', '.join(installed) or 'none is'}.")
    os.environ["KERAS_BACKEND"] = backend
    if backend == "tensorflow":
        command.import_tensorflow()
    else:
        sys.modules["tensorflow"] = None  # Keras would import it to set its seed, and a GPU's memory is for one
    return backend


def median_seconds(steps, step, count):
    """Median time of a step until the device is done, after one that does not count."""
    taken = []
    for _ in range(count + 1):
        start = time.perf_counter()
        steps.wait(step())
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def measured_peak(steps, dtype):
    """Operations a second of one large product of square matrices."""
    import numpy as np
    from keras import ops

    side = 8192 if steps.has_gpu() else 2048
    matrix = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(side, side)), dtype)
    return 2 * side**3 / median_seconds(steps, lambda: ops.matmul(matrix, matrix), 5)


def multiply_adds(config, spec):
    """Of one video; None where the model uses an operation that is not counted."""
    from yt8m_distill.cost.model_cost import model_cost

    try:
        return model_cost(config, spec, (FLAGS.num_frames,)).total.multiply_adds[0]
    except NotImplementedError:
        return None


def kinds_of_step(steps, model, batch, labels):
    """(kind, forward steps' worth of arithmetic, function that makes the step), the cheaper first."""
    import keras

    def train():
        optimizer = keras.optimizers.Adam(1e-4)
        optimizer.build(model.trainable_variables)
        return steps.train(model, optimizer, batch, labels)

    yield "forward", 1, lambda: steps.forward(model, batch)
    if FLAGS.training:
        yield "train", 3, train


def measure(steps, make):
    """{"ms", "memory_mb"}, or {"error"} where the batch does not fit."""
    try:
        steps.reset_memory()
        seconds = median_seconds(steps, make(), FLAGS.steps)
        return {"ms": 1000 * seconds, "memory_mb": round(steps.memory() / 1e6, 1)}
    except Exception as error:
        if not any(words in f"{type(error).__name__}: {error}".lower() for words in _OUT_OF_MEMORY):
            raise
        return {"error": "out of memory"}


def rows_of(steps, config, spec, videos, peak, operations):
    """A row for each kind of step of one model at one batch size."""
    from parts.random_batches import random_batch

    from yt8m_distill.models.classifier import build_model

    model = build_model(config, spec, seed=0)
    for kind, times, make in kinds_of_step(steps, model, *random_batch(spec, videos, FLAGS.num_frames)):
        row = {"step": kind, **measure(steps, make)}
        if "ms" in row:
            seconds = row["ms"] / 1000
            share = times * operations * videos / seconds / peak if operations else None
            row |= {
                "ms": round(row["ms"], 3),
                "videos_per_second": round(videos / seconds, 1),
                "share_of_peak": share and round(share, 4),
            }
        yield row


def report(row):
    heading = "{model:<18}{precision:<15}{batch_size:5} videos  {step:<8}".format(**row)
    if "error" in row:
        return f"{heading}{row['error']}"
    share = "uncounted" if row["share_of_peak"] is None else f"{row['share_of_peak']:.1%} of the peak"
    return f"{heading}{row['ms']:10.2f} ms, {row['memory_mb']:8.0f} MB, {share}, load {os.getloadavg()[0]:.1f}"


def run_model(steps, name, precision, peak):
    from yt8m_distill.hyperparameters import registry
    from yt8m_distill.spec import FeatureSpec

    config = registry.model_config(name)
    spec = FeatureSpec(level=config.level, max_frames=FLAGS.num_frames)
    operations = 2 * (multiply_adds(config, spec) or 0)
    rows = []
    for videos in map(int, FLAGS.batch_sizes):
        for row in rows_of(steps, config, spec, videos, peak, operations):
            rows.append({"model": name, "precision": precision, "batch_size": videos, **row})
            print(report(rows[-1]), flush=True)
        steps.release()
    return rows


def main(arguments):
    command.no_arguments(arguments)
    check_flags()
    backend = start_backend()
    import keras

    steps, peaks, rows = importlib.import_module(f"parts.{backend}_steps").Steps(), {}, []
    for precision in FLAGS.precisions:
        if precision == "tf32" and not steps.has_gpu():
            print("tf32 is left out: there is no GPU.", flush=True)
            continue
        steps.set_precision(precision)
        mixed = precision == "mixed_bfloat16"
        keras.config.set_dtype_policy(precision if mixed else "float32")
        peaks[precision] = measured_peak(steps, "bfloat16" if mixed else "float32")
        print(f"{precision}: a product of matrices reaches {peaks[precision] / 1e12:.3g} TFLOP/s", flush=True)
        for name in FLAGS.models:
            rows += run_model(steps, name, precision, peaks[precision])
    about = {"backend": backend, "device": steps.device(), "keras": keras.__version__, "num_frames": FLAGS.num_frames}
    about["peak_tflops"] = {precision: round(peak / 1e12, 3) for precision, peak in peaks.items()}
    print(json.dumps({**about, "memory_is": steps.memory_is, "rows": rows}))


if __name__ == "__main__":
    command.run(main, __doc__)
