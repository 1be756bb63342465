"""What `train.py --ema_source=RUN` trains: the model of a finished run, from its weights, with an average beside it."""

import dataclasses
import os

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry

FLAGS = flags.FLAGS


def averaging_config():
    """(RunConfig, run directory) of --ema_source and the flags given.

    Model and data are the source's; so are training numbers, but for the learning rate (`training/ema_source.py`). The
    source is read until the run has a checkpoint of its own.

    Raises:
      InputError: no such source, flags that contradict it, or no average asked for.
    """
    command.import_tensorflow()

    from yt8m_distill.run_config import RunConfig, split_checkpoint

    source_dir = os.path.normpath(split_checkpoint(FLAGS.ema_source)[0])
    named = os.path.basename(source_dir) not in (".", "..")
    run_dir = FLAGS.train_dir or f"{source_dir if named else os.path.realpath(source_dir)}-ema"
    if os.path.realpath(run_dir) == os.path.realpath(source_dir):
        raise InputError(f"--train_dir={run_dir} is the directory of --ema_source: give the averaged run another one.")
    base, training, source = _begun(run_dir) or _source()
    _require_same_model(base.model)
    _require_same_data(base)
    params = flag_groups.training_params(training)
    if params.average_decay is None:
        raise InputError("--ema_source averages weights: say how, with --ema_half_life=2000 (steps) or --ema_decay.")
    print(
        f"averages {source.path}, learning rate {params.base_learning_rate:g}, decay {params.average_decay:.6f} a step"
    )
    return RunConfig(base.features, base.model, params, ema_source=source), run_dir


def _begun(run_dir):
    """(RunConfig, its TrainingParams, its EmaSource) of a run that is to go on, or None: its source may be gone."""
    from yt8m_distill.run_config import config_path, load_config, newest_checkpoint

    afresh = FLAGS.overwrite or FLAGS.start_new_model
    if afresh or not os.path.exists(config_path(run_dir)) or newest_checkpoint(run_dir) is None:
        return None
    config = load_config(run_dir)
    if config.ema_source is None or not _is_named(config.ema_source):
        return None
    return config, config.training, config.ema_source


def _is_named(source):
    """Whether --ema_source is what a run was started from; what is gone cannot be another."""
    from yt8m_distill.run_config import config_path, split_checkpoint

    directory, checkpoint = split_checkpoint(FLAGS.ema_source)
    theirs = source.path if checkpoint else split_checkpoint(source.path)[0]
    same = os.path.realpath(checkpoint or directory) == os.path.realpath(theirs)
    return same or not os.path.exists(config_path(directory))


def _source():
    """(RunConfig of the source, TrainingParams to average it with, its EmaSource)."""
    from yt8m_distill.checksums import checkpoint_checksum
    from yt8m_distill.hyperparameters.ema_source import EmaSource
    from yt8m_distill.run_config import find_run
    from yt8m_distill.training.ema_source import averaging_params

    run = find_run(FLAGS.ema_source)
    return run.config, averaging_params(run), EmaSource(run.checkpoint, checkpoint_checksum(run.checkpoint))


def _require_same_model(model):
    if FLAGS["model"].present:
        _require_same("model", model.name, registry.model_config(FLAGS.model).name)
    for name, value in flag_groups.model_fields().items():
        registry.with_fields(model, **{name: value})  # raises where the model has no such number
        _require_same(name, getattr(getattr(model, model.fields[name]), name), value)


def _require_same_data(config):
    features, spec = config.features, flag_groups.feature_spec_like(config)
    for field in dataclasses.fields(features):
        _require_same(field.name, getattr(features, field.name), getattr(spec, field.name))


def _require_same(name, theirs, given):
    if theirs != given:
        raise InputError(
            f"--ema_source={FLAGS.ema_source} was trained with {name}={theirs} and the command says {name}={given}: "
            "what is averaged is the same model on the same data, so leave the flag out."
        )
