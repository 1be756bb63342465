"""What a run leaves to look at: metrics.csv, TensorBoard events and a line of progress. All are Keras callbacks.

The loop calls `on_train_batch_end(step - 1, logs)` after each step; `logs` is empty but every --log_steps, when it
holds floats: step, epoch (from 0), examples, loss, penalty, gap, hit_at_1, perr, learning_rate, examples_per_second and
seconds_left (None where the length of the run is not known). `on_epoch_end(epoch, logs)` comes after every epoch, and
where --max_steps ends the run within one; `logs` holds step, and whatever callbacks before this one have added.
`params["average"]` is the run's WeightAverage, or None.
"""

import os
import shutil
import sys

import keras
import tensorflow as tf

from yt8m_distill.written_aside import written_aside

COLUMNS = (
    "step",
    "epoch",
    "examples",
    "loss",
    "penalty",
    "gap",
    "hit_at_1",
    "perr",
    "learning_rate",
    "examples_per_second",
)

# What tf.summary.scalar writes; that function needs the package tensorboard, which TensorFlow no longer installs.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"}, data_class=1)


class MetricsCSV(keras.callbacks.Callback):
    """Appends a row to RUN/metrics.csv; on a resumed run, rows past the checkpoint are dropped first.

    Args:
      path: the file.
      step: steps already done.
      parts: names of the parts of the loss, further columns.
    """

    def __init__(self, path, step, parts=()):
        super().__init__()
        self._path, self._step, self._columns = path, step, (*COLUMNS, *parts)

    def on_train_begin(self, logs=None):
        kept = _rows_until(self._path, self._step)
        with written_aside(self._path) as file:
            file.writelines([",".join(self._columns) + "\n", *kept])

    def on_train_batch_end(self, batch, logs=None):
        if logs:
            row = logs | _whole(logs)
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(",".join(str(row[key]) for key in self._columns) + "\n")


class TensorBoardScalars(keras.callbacks.Callback):
    """Writes the numbers of each row, parts of the loss among them, and of each evaluation, as TensorBoard scalars."""

    def __init__(self, directory, parts=()):
        super().__init__()
        self._directory, self._keys = directory, (*COLUMNS[3:], *parts)

    def on_train_begin(self, logs=None):
        self._writer = tf.summary.create_file_writer(self._directory)

    def on_train_batch_end(self, batch, logs=None):
        if logs:
            with self._writer.as_default(step=batch + 1):
                for key in self._keys:
                    _write_scalar(f"train/{key}", logs[key])

    def on_epoch_end(self, epoch, logs=None):
        with self._writer.as_default(step=int((logs or {}).get("step", 0))):
            for key, value in (logs or {}).items():
                if key.startswith("eval_"):
                    _write_scalar(f"eval/{key.removeprefix('eval_')}", value)
        self._writer.flush()

    def on_train_end(self, logs=None):
        self._writer.close()


def _write_scalar(tag, value):
    tf.summary.write(tag, tf.constant(value, tf.float32), metadata=_SCALAR)


class ProgressLine(keras.callbacks.Callback):
    """One line a row: in place on a terminal, below each other in a file.

    Args:
      num_epochs: epochs of the whole run.
      stream: where to write; stdout.
    """

    def __init__(self, num_epochs, stream=None):
        super().__init__()
        self._num_epochs = num_epochs
        self._stream = stream or sys.stdout
        self._open = False

    def on_train_batch_end(self, batch, logs=None):
        if not logs:
            return
        parts = "".join(f"{name} {logs[name]:.4f}  " for name in logs if name not in (*COLUMNS, "seconds_left"))
        line = (
            f"step {int(logs['step']):>6}  epoch {int(logs['epoch']) + 1}/{self._num_epochs}  "
            f"loss {logs['loss']:8.4f}  {parts}GAP {logs['gap']:.4f}  Hit@1 {logs['hit_at_1']:.4f}  "
            f"{logs['examples_per_second']:7.1f} examples/s  {_clock(logs['seconds_left'])}"
        )
        in_place = self._stream.isatty()
        if in_place:  # a line that wraps cannot be written over
            line = f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K"
        self._stream.write(line if in_place else f"{line}\n")
        self._stream.flush()
        self._open = in_place

    def on_epoch_end(self, epoch, logs=None):
        if self._open:
            self._stream.write("\n")
            self._open = False

    def on_train_end(self, logs=None):
        self.on_epoch_end(None)


def _rows_until(path, step):
    """Lines of the file up to that step. A process that was killed may have left half a line at the end."""
    if not step or not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = [line for line in file if line.endswith("\n")][1:]
    return [line for line in lines if int(line.split(",", 1)[0]) <= step]


def _whole(logs):
    # Keras hands every number to callbacks as a float.
    return {key: int(logs[key]) for key in COLUMNS[:3]}


def _clock(seconds):
    if seconds is None:
        return ""
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} left"
