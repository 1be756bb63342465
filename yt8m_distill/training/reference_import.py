"""A run directory from a checkpoint of a reference implementation (TensorFlow 1)."""

import os
import re

import tensorflow as tf

from yt8m_distill.errors import InputError
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import load_reference_weights
from yt8m_distill.run_config import save_config
from yt8m_distill.training.checkpoints import RunCheckpoints
from yt8m_distill.training.objective import make_objective
from yt8m_distill.training.optimizers import make_optimizer
from yt8m_distill.training.recent_steps import RecentSteps
from yt8m_distill.training.schedules import make_schedule
from yt8m_distill.written_aside import folder_aside

_AVERAGE = "/ExponentialMovingAverage"
_COUNTERS = re.compile(r"(.*/)?(global_step|beta[12]_power(_\d+)?)")
_FILE_ENDINGS = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


def import_reference(config, checkpoint, run_dir, *, scope="tower", use_ema=False):
    """Writes a run directory with the weights of a reference checkpoint, as if they had been trained here.

    Training goes on from there with a new optimizer, whose learning rate starts anew. Where the reference's step is no
    multiple of --log_steps, the first row of metrics.csv counts the steps that the run has not seen as zeros.

    Args:
      config: RunConfig that describes the reference's model and data.
      checkpoint: see `read_reference_checkpoint`.
      run_dir: directory to write; it appears when it is complete.
      scope: the reference's variable scope.
      use_ema: take the averages where the checkpoint holds some.

    Returns:
      Prefix of the checkpoint written.

    Raises:
      InputError: the checkpoint cannot be read or does not fit the model, or the directory holds something; nothing is
        written then.
    """
    run_dir = os.path.normpath(run_dir)
    if os.path.exists(run_dir) and not (os.path.isdir(run_dir) and not os.listdir(run_dir)):
        raise InputError(f"{run_dir} exists and is no empty directory: give another --train_dir.")
    values, step = read_reference_checkpoint(checkpoint, scope, use_ema)
    model = build_model(config.model, config.features, seed=config.training.seed)
    try:
        load_reference_weights(model, values, scope)
    except InputError as error:
        raise InputError(f"{checkpoint} does not fit {config.model.name}: {error}") from error
    return _write_run(config, model, step, run_dir)


def read_reference_checkpoint(checkpoint, scope="tower", use_ema=False):
    """Reads the model's variables from a checkpoint of tf.train.Saver.

    Args:
      checkpoint: its prefix (`model.ckpt-12345`), one of its files, or a directory (its newest checkpoint).
      scope: where names lie under it, only those are read. The others are a second model's, or counters.
      use_ema: the exponential moving average takes the place of every variable that has one.

    Returns:
      ({name: array}, training step). Slots of the optimizer, averages and counters are left out.

    Raises:
      InputError: there is no such checkpoint, it is damaged or another kind, or holds no averages.
    """
    prefix = _prefix(checkpoint)
    try:
        reader = tf.train.load_checkpoint(prefix)
        names = set(reader.get_variable_to_shape_map())
        if "_CHECKPOINTABLE_OBJECT_GRAPH" in names:
            raise InputError(
                f"{checkpoint} was written by tf.train.Checkpoint: expected a file of TensorFlow 1's Saver."
            )
        stored = _stored_under(_model_variables(names, scope), names, use_ema)
        values = {name: reader.get_tensor(source) for name, source in stored.items()}
        step = int(reader.get_tensor("global_step")) if "global_step" in names else _step_in(prefix)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"{checkpoint} cannot be read as a TensorFlow checkpoint: {text}") from error
    if use_ema and all(name == source for name, source in stored.items()):
        raise InputError(f"{checkpoint} holds no moving averages: drop --use_ema.")
    return values, step


def _prefix(checkpoint):
    if not checkpoint:
        raise InputError("--reference_checkpoint is empty: name a checkpoint, such as model.ckpt-12345.")
    if os.path.isdir(checkpoint):
        newest = tf.train.latest_checkpoint(checkpoint)
        if newest is None:
            raise InputError(f"{checkpoint} lists no checkpoint: name one in it, such as model.ckpt-12345.")
        return newest
    prefix = _FILE_ENDINGS.sub("", checkpoint)
    if not tf.io.gfile.glob(prefix + "*"):
        raise InputError(f"There is no checkpoint {checkpoint}.")
    return prefix


def _model_variables(names, scope):
    """The names without counters and without what belongs to another variable, such as an optimizer's slots."""
    own = {name for name in names if not _COUNTERS.fullmatch(name) and names.isdisjoint(_parents(name))}
    return {name for name in own if name.startswith(f"{scope}/")} or own


def _parents(name):
    """`a/b/c` -> `a/b`, `a`."""
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]


def _stored_under(variables, names, use_ema):
    """{variable: the name under which the value to take is stored}."""
    return {name: name + _AVERAGE if use_ema and name + _AVERAGE in names else name for name in variables}


def _step_in(prefix):
    number = re.search(r"-(\d+)$", prefix)
    return int(number.group(1)) if number else 0


def _write_run(config, model, step, run_dir):
    """Writes the run aside and gives it its name."""
    params = config.training
    optimizer = make_optimizer(params, make_schedule(params, params.max_steps or 1))
    optimizer.build(model.trainable_variables)
    parts = make_objective(model, config).parts
    recent = RecentSteps(params.log_steps, params.batch_size, config.features.num_classes, parts)
    tracked = {"model": model, "optimizer": optimizer, "recent": recent}
    with folder_aside(run_dir, "config.json") as aside:
        save_config(config, aside)
        prefix = RunCheckpoints(aside, tracked, params).save(step, 0, 0)
    return os.path.join(run_dir, os.path.relpath(prefix, aside))
