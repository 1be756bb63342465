"""The only training loop: one device or several, resumed exactly where it stopped."""

import contextlib
import functools
import os
import time

import keras
import tensorflow as tf

from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.data.shards import count_records
from yt8m_distill.errors import InputError
from yt8m_distill.run_config import newest_checkpoint
from yt8m_distill.training.callbacks import MetricsCSV, TensorBoardScalars
from yt8m_distill.training.checkpoints import RunCheckpoints
from yt8m_distill.training.distilling import make_student
from yt8m_distill.training.ema import WeightAverage
from yt8m_distill.training.ema_source import load_source
from yt8m_distill.training.objective import make_learner
from yt8m_distill.training.optimizers import make_optimizer
from yt8m_distill.training.recent_steps import RecentSteps
from yt8m_distill.training.schedules import make_schedule
from yt8m_distill.training.step import make_train_step
from yt8m_distill.training.stopping import StopRequest


@functools.cache
def default_strategy():
    """All GPUs of this machine where there are several, else the one device there is.

    One strategy for the process: the collective operations of a second one would take the first one's keys.
    """
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


class TrainingLoop:
    """A model, taken up at the newest checkpoint of its run directory or made anew, and its training.

    The same config, shards and seed give the same weights, however often the run was stopped and resumed in between
    (on a CPU, with `deterministic` reading).

    Args:
      config: RunConfig.
      run_dir: directory of the run, made ready by `run_directory.prepare`; resumed when it holds a checkpoint.
      shards: training files.
      callbacks: Keras callbacks, called before the loop's own (see `callbacks.py` for the logs they get).
      strategy: tf.distribute strategy; `default_strategy()` when None.

    Attributes:
      model: the VideoClassifier that is trained; a student, where `config.distillation` says so.
      objective: what is minimised.
      average: WeightAverage of the model, or None; callbacks find it in their `params`, too.
      resumed_from: prefix of the checkpoint taken up, or None.
      step: steps done.
      total_steps: steps of the whole run; None where the number of examples cannot be known beforehand.
      finished: whether the last step of the run has been done, rather than a stop asked for.

    Raises:
      InputError: from the flags, the model or the checkpoint; from the data when the loop runs.
    """

    def __init__(self, config, run_dir, shards, callbacks=(), strategy=None):
        self.config, self.shards = config, shards
        self.strategy = strategy or default_strategy()
        self.total_steps = _total_steps(config, shards)
        params = config.training
        keras.utils.set_random_seed(params.seed)
        with self.strategy.scope(), _precision(params.mixed_precision):
            self.model, self.objective = make_student(config) if config.distillation else make_learner(config)
            self.schedule = make_schedule(params, self.total_steps)
            self.optimizer = make_optimizer(params, self.schedule, self.strategy.num_replicas_in_sync)
            self.optimizer.build(self.objective.trainable_variables)
        # Outside of the scope: the loop's own variables have no copies on the replicas.
        if config.ema_source and newest_checkpoint(run_dir) is None:
            load_source(config.ema_source, self.model)
        self.average = _average(self.model, config)
        classes, parts = config.features.num_classes, self.objective.parts
        self._recent = RecentSteps(params.log_steps, params.batch_size, classes, parts)
        tracked = {"model": self.model, "optimizer": self.optimizer, "recent": self._recent, **self.objective.tracked}
        tracked |= {"ema": self.average} if self.average else {}
        self._checkpoints = RunCheckpoints(run_dir, tracked, params)
        self.resumed_from = self._checkpoints.restore()
        self.step, self._epoch, self._batches_used = self._checkpoints.place
        self.finished = False
        self._compiled = False
        self._train_step = None
        own = [
            MetricsCSV(os.path.join(run_dir, "metrics.csv"), self.step, parts),
            TensorBoardScalars(os.path.join(run_dir, "tensorboard"), parts),
        ]
        self._callbacks = keras.callbacks.CallbackList([*callbacks, *own], model=self.model, average=self.average)

    def run(self):
        """Trains to the end, or until a stop is asked for; returns the prefix of the last checkpoint.

        A run that was finished before is left as it is.
        """
        self.model.stop_training = False  # a callback may set it, as in Keras
        if self._done():
            self.finished = True
            return self.resumed_from
        self._batches()  # a first pass over the records indexes them: Ctrl-C ends that at once
        self._callbacks.on_train_begin()
        with StopRequest() as stop:
            while not self._done() and not stop.requested:
                self._run_epoch(stop)
        self._callbacks.on_train_end()
        self.finished = self._done()
        return self._checkpoints.save(self.step, self._epoch, self._batches_used)

    def _done(self):
        params = self.config.training
        by_steps = params.max_steps is not None and self.step >= params.max_steps
        return by_steps or self._epoch >= params.num_epochs or self.model.stop_training

    def _run_epoch(self, stop):
        self._callbacks.on_epoch_begin(self._epoch)
        self._timed_from = self.step, time.monotonic()
        complete = False
        for batch in self._batches():
            self._run_step(batch)
            if not self._compiled:
                # The first step compiles, which says nothing about those that follow.
                self._compiled, self._timed_from = True, (self.step, time.monotonic())
            if stop.requested or self._done():
                break
        else:
            complete = True
        if self._batches_used == 0:
            raise InputError(
                f"{self.shards[0]} and {len(self.shards) - 1} more hold fewer than --batch_size="
                f"{self.config.training.batch_size} examples: lower the batch size or give more shards."
            )
        if stop.requested:
            return
        self._callbacks.on_epoch_end(self._epoch, {"step": self.step})
        if complete:
            self._epoch, self._batches_used = self._epoch + 1, 0

    def _batches(self):
        spec, params = self.objective.source, self.config.training
        if self.objective.enter_epoch(self._epoch, self._batches_used == 0, self.average):
            self._train_step = None
        options = ReadOptions(
            batch_size=params.batch_size,
            num_readers=params.num_readers,
            shuffle_buffer=params.shuffle_buffer_size,
            deterministic=params.deterministic,
            drop_remainder=True,
            bucket_by_length=params.bucket_by_length,
            record_index=params.record_index,
        )
        place = {"seed": params.seed, "epoch": self._epoch, "skip": self._batches_used}
        # Strings cannot travel to a GPU.
        dataset = self.objective.prepare(read_batches(self.shards, spec, options, **place), params.seed, self._epoch)
        dataset = dataset.map(lambda batch: {k: batch[k] for k in batch if k != "id"})
        dataset = self.strategy.experimental_distribute_dataset(dataset)
        if self._train_step is None:
            average = self.average and functools.partial(self.average.update, self.model)
            self._train_step = make_train_step(
                self.objective, self.optimizer, params, self.strategy, dataset.element_spec, average
            )
        return checked(dataset, self.shards, spec)

    def _run_step(self, batch):
        losses, reduced = self._train_step(batch)
        self.step, self._batches_used = self.step + 1, self._batches_used + 1
        self._recent.put(self.step, losses, reduced)
        logs = self._row() if self.step % self.config.training.log_steps == 0 else {}
        self._callbacks.on_train_batch_end(self.step - 1, logs)
        self._checkpoints.save_if_due(self.step, self._epoch, self._batches_used)

    def _row(self):
        params = self.config.training
        step, before = self._timed_from
        self._timed_from = self.step, time.monotonic()
        steps_a_second = (self.step - step) / max(time.monotonic() - before, 1e-9)
        left = (self.total_steps - self.step) / steps_a_second if self.total_steps else None
        return {
            "step": self.step,
            "epoch": self._epoch,
            "examples": self.step * params.batch_size,
            **self._recent.logs(self.step),
            "learning_rate": float(self.schedule(self.step - 1)),
            "examples_per_second": round(steps_a_second * params.batch_size, 1),
            "seconds_left": left,
        }


def _average(model, config):
    """The WeightAverage that the config asks for, or None. The weights of a finished run need no warm-up."""
    decay = config.training.average_decay
    return None if decay is None else WeightAverage(model, decay, warm_up=config.ema_source is None)


def _total_steps(config, shards):
    """Steps of the whole run. How many rated segments there are is only known once they have been read."""
    params = config.training
    by_epochs = None
    if config.features.level != "segment":
        by_epochs = count_records(shards) // params.batch_size * params.num_epochs
    known = [steps for steps in (params.max_steps, by_epochs) if steps is not None]
    if not known and params.learning_rate_schedule == "cosine":
        raise InputError("--learning_rate_schedule=cosine ends at --max_steps at segment level: give --max_steps.")
    return min(known) if known else None


@contextlib.contextmanager
def _precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
