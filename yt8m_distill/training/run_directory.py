"""Whether a training command starts a run, goes on with one, or would destroy one."""

import os
import shutil

from yt8m_distill.compression.quantized_run import REPORT
from yt8m_distill.errors import InputError
from yt8m_distill.run_config import config_path, load_config, newest_checkpoint, save_config

# Numbers that say what a checkpoint's place in the data and its state mean.
_FIXED = (
    "batch_size",
    "optimizer",
    "seed",
    "log_steps",
    "num_readers",
    "shuffle_buffer_size",
    "bucket_by_length",
    "record_index",
    "mixed_precision",
    "ema_decay",
    "ema_half_life",
)
# config.json last: while it is there, the directory is still a run.
_WRITTEN = ("metrics.csv", "checkpoints", "eval", "tensorboard", REPORT, "config.json")


def prepare(config, run_dir, *, start_new_model=False, confirm=None):
    """Makes `run_dir` ready for a run of `config` and writes its config.json.

    Args:
      config: RunConfig of the command.
      run_dir: the run directory.
      start_new_model: delete what an earlier run left there.
      confirm: function of a question that returns whether to go on; None goes on.

    Returns:
      Lines about training numbers that differ from those the run was started with.

    Raises:
      InputError: the directory holds a run of another config or of an origin, or something that is not a run.
    """
    if os.path.exists(run_dir) and not os.path.isdir(run_dir):
        raise InputError(f"{run_dir} is a file: give a directory for the run.")
    exists = os.path.exists(config_path(run_dir))
    if not exists and os.path.isdir(run_dir) and os.listdir(run_dir):
        raise InputError(f"{run_dir} is not empty and holds no run (no config.json): give another --train_dir.")
    if exists and start_new_model:
        if confirm is not None and not confirm(f"Delete the run in {run_dir} and start a new one?"):
            raise InputError(f"{run_dir} was left as it is.")
        _delete_run(run_dir)
        exists = False
    before = load_config(run_dir) if exists else None
    if before and before.origin:
        raise InputError(
            f"{run_dir} holds weights that {before.origin.command} made, not a run that could be trained on: give "
            "another --train_dir."
        )
    changes = _changes(before, config, run_dir) if exists else []
    save_config(config, run_dir)
    return changes


def _delete_run(run_dir):
    for name in _WRITTEN:
        path = os.path.join(run_dir, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)


def _changes(old, new, run_dir):
    differences = list(_differences(old.to_dict(), new.to_dict()))
    started = newest_checkpoint(run_dir) is not None
    for path, before, after in differences if started else ():
        part, _, name = path.partition(".")
        if not _is_free(part, name):
            raise InputError(
                f"{run_dir} was started with {name or part}={before} and the command says {name or part}={after}: "
                "give the same, another --train_dir, or --start_new_model."
            )
    return [f"{path.partition('.')[2] or path}: {before} -> {after}" for path, before, after in differences]


def _is_free(part, name):
    """Whether a run may go on with another value. Of a teacher or source the checksum counts, not where it lies."""
    moved = (part == "distillation" and name.endswith(".path")) or (part, name) == ("ema_source", "path")
    return moved or (part == "training" and name not in _FIXED)


def _differences(old, new, path=""):
    for key in {**old, **new}:
        before, after = _parts(old.get(key)), _parts(new.get(key))
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(before, after, f"{path}{key}.")
        elif before != after:
            yield f"{path}{key}", before, after


def _parts(value):
    """A list of dicts by number; anything else as it is."""
    listed = isinstance(value, list | tuple) and value and isinstance(value[0], dict)
    return dict(enumerate(value)) if listed else value
