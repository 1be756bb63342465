"""When checkpoints are written and what is in them: enough to go on as if nothing had happened."""

import time

import tensorflow as tf

from yt8m_distill.errors import InputError
from yt8m_distill.run_config import checkpoint_dir, newest_checkpoint, read_checkpoint


class RunCheckpoints:
    """Checkpoints of one run: model, optimizer, place in the data and the steps since the last row of metrics.

    Args:
      run_dir: the run directory.
      tracked: {name: object}, what is saved: `model`, `optimizer`, `recent` (RecentSteps) and what else a run trains.
      params: TrainingParams.
    """

    def __init__(self, run_dir, tracked, params):
        self._params, self._run_dir = params, run_dir
        self._place = {key: tf.Variable(0, dtype=tf.int64, trainable=False) for key in ("step", "epoch", "batch")}
        self._checkpoint = tf.train.Checkpoint(**tracked, **self._place)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint,
            checkpoint_dir(run_dir),
            max_to_keep=params.max_checkpoints_to_keep or None,
            checkpoint_name="ckpt",
        )
        self._saved_at = time.monotonic()

    @property
    def place(self):
        """(step, epoch, batch): steps done, the epoch under way, batches of it already used."""
        return tuple(int(variable) for variable in self._place.values())

    def restore(self):
        """Restores the newest checkpoint where there is one, and returns its prefix or None.

        Raises:
          InputError: the checkpoint is damaged or of another model.
        """
        prefix = newest_checkpoint(self._run_dir)
        if prefix is None:
            return None
        try:
            read_checkpoint(self._checkpoint, prefix)
        except InputError as error:
            raise InputError(
                f"{prefix} cannot be resumed: {error}. Delete {prefix}.* to go on from the checkpoint before it, if "
                "there is one, or start again with --overwrite."
            ) from error
        return prefix

    def save(self, step, epoch, batch):
        """Writes ckpt-STEP, over one of the same step, and returns its prefix."""
        for variable, value in zip(self._place.values(), (step, epoch, batch), strict=True):
            variable.assign(value)
        prefix = self._manager.save(checkpoint_number=step)
        self._saved_at = time.monotonic()
        return prefix

    def save_if_due(self, step, epoch, batch):
        """Writes ckpt-STEP when enough steps or minutes have passed since the last one."""
        every = self._params.save_checkpoint_steps
        minutes = (time.monotonic() - self._saved_at) / 60
        if step % every == 0 if every else minutes >= self._params.save_checkpoint_minutes:
            self.save(step, epoch, batch)
