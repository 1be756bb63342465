"""What a run leaves to look at: metrics.csv, TensorBoard events and a line of progress. All are Keras callbacks.

The loop calls `on_train_batch_end(step - 1, logs)` after each step; `logs` is empty but every --log_steps, when it
holds floats: step, epoch, examples, loss, penalty, gap, hit_at_1, perr, learning_rate, examples_per_second, seconds_left.
"""

import csv
import os
import sys

import keras
import tensorflow as tf

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


class MetricsCSV(keras.callbacks.Callback):
    """Appends a row to RUN/metrics.csv; on a resumed run, rows past the checkpoint are dropped first.

    Args:
      path: the file.
      step: steps already done.
    """

    def __init__(self, path, step):
        super().__init__()
        kept = []
        if step and os.path.exists(path):
            with open(path, newline="", encoding="utf-8") as file:
                kept = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        with open(path + ".partial", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)
        os.replace(path + ".partial", path)
        self._path = path

    def on_train_batch_end(self, batch, logs=None):
        if logs:
            with open(self._path, "a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, COLUMNS, extrasaction="ignore").writerow(logs | _whole(logs))


class TensorBoardScalars(keras.callbacks.Callback):
    """Writes the numbers of each row, and of each evaluation, as TensorBoard scalars."""

    def __init__(self, directory):
        super().__init__()
        self._writer = tf.summary.create_file_writer(directory)

    def on_train_batch_end(self, batch, logs=None):
        if logs:
            with self._writer.as_default(step=batch + 1):
                for key in COLUMNS[3:]:
                    tf.summary.scalar(f"train/{key}", logs[key])

    def on_epoch_end(self, epoch, logs=None):
        with self._writer.as_default(step=int((logs or {}).get("step", 0))):
            for key, value in (logs or {}).items():
                if key.startswith("eval_"):
                    tf.summary.scalar(f"eval/{key.removeprefix('eval_')}", value)
        self._writer.flush()

    def on_train_end(self, logs=None):
        self._writer.close()


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
        line = (
            f"step {int(logs['step']):>6}  epoch {int(logs['epoch']) + 1}/{self._num_epochs}  loss {logs['loss']:8.4f}  "
            f"GAP {logs['gap']:.4f}  Hit@1 {logs['hit_at_1']:.4f}  {logs['examples_per_second']:7.1f} examples/s  "
            f"{_clock(logs['seconds_left'])}"
        )
        in_place = self._stream.isatty()
        self._stream.write(f"\r{line}\x1b[K" if in_place else f"{line}\n")
        self._stream.flush()
        self._open = in_place

    def on_epoch_end(self, epoch, logs=None):
        if self._open:
            self._stream.write("\n")
            self._open = False


def _whole(logs):
    # Keras hands every number to callbacks as a float.
    return {key: int(logs[key]) for key in COLUMNS[:3]}


def _clock(seconds):
    if seconds is None:
        return ""
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} left"
