"""A run directory's `config.json`, and a model rebuilt from it.

RUN/config.json      everything needed to rebuild the model, the data spec and the optimiser
RUN/checkpoints/     TensorFlow checkpoints ckpt-STEP
RUN/metrics.csv      one row every --log_steps
RUN/eval/STEP.json   evaluations; STEP-ema.json those of the averaged weights
RUN/tensorboard/     event files
"""

import dataclasses
import json
import os
import re

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import Distillation, Teacher
from yt8m_distill.hyperparameters.ema_source import EmaSource
from yt8m_distill.hyperparameters.origin import Origin
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.spec import FeatureSpec
from yt8m_distill.written_aside import written_aside


class NothingThereError(InputError):
    """There is no config.json, or no checkpoint: both may come yet, where a run is being started."""


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What `config.json` holds.

    Attributes:
      features, model, training: data, model, and how it was trained.
      distillation: of a student.
      origin: of a run that was made from others rather than trained.
      ema_source: of a run that went on from a finished one to average its weights.
    """

    features: FeatureSpec
    model: ModelConfig
    training: TrainingParams
    distillation: Distillation | None = None
    origin: Origin | None = None
    ema_source: EmaSource | None = None

    def to_dict(self):
        """Plain dicts and numbers, ready for JSON."""
        values = {
            "features": dataclasses.asdict(self.features),
            "model": registry.to_dict(self.model),
            "training": dataclasses.asdict(self.training),
        }
        values |= {"distillation": self.distillation.to_dict()} if self.distillation else {}
        optional = {"origin": self.origin, "ema_source": self.ema_source}
        return values | {name: dataclasses.asdict(part) for name, part in optional.items() if part}

    @classmethod
    def from_dict(cls, values):
        """The inverse of `to_dict`; raises what Python does, or InputError, for what it does not know."""
        return cls(
            features=FeatureSpec.from_dict(values["features"]),
            model=registry.from_dict(values["model"]),
            # Runs from before there was an index read their records by parsing.
            training=TrainingParams(**{"record_index": False, "bucket_by_length": False, **values["training"]}),
            distillation=Distillation.from_dict(values["distillation"]) if "distillation" in values else None,
            origin=Origin.from_dict(values["origin"]) if "origin" in values else None,
            ema_source=EmaSource(**values["ema_source"]) if "ema_source" in values else None,
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory, read.

    Attributes:
      directory: the run directory.
      config: its RunConfig.
      checkpoint: prefix of the checkpoint chosen.
      step: training step of that checkpoint.
      use_ema: whether its averaged weights are meant, rather than those of that step.
    """

    directory: str
    config: RunConfig
    checkpoint: str
    step: int
    use_ema: bool = False

    def as_teacher(self, weight=1.0):
        """The Teacher by which another run's config.json names these weights; reads the checkpoint to its end."""
        return Teacher(self.checkpoint, checkpoint_checksum(self.checkpoint), weight, self.use_ema)


def save_config(config, run_dir):
    """Writes RUN/config.json aside and renames it."""
    path = config_path(run_dir)
    os.makedirs(run_dir, exist_ok=True)
    with written_aside(path) as file:
        json.dump(config.to_dict(), file, indent=2)
        file.write("\n")


def load_config(run_dir):
    """Reads RUN/config.json.

    Raises:
      NothingThereError: it is missing.
      InputError: it is not JSON, or holds something that this version does not know.
    """
    path = config_path(run_dir)
    try:
        with open(path, encoding="utf-8") as file:
            return RunConfig.from_dict(json.load(file))
    except (FileNotFoundError, NotADirectoryError):
        raise NothingThereError(
            f"{run_dir} is no run directory: it has no config.json. Train one with train.py."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, InputError) as error:
        raise InputError(f"{path} cannot be used: {error}. Was it written by another version?") from error


def config_path(run_dir):
    """RUN/config.json."""
    return os.path.join(run_dir, "config.json")


def checkpoint_dir(run_dir):
    """RUN/checkpoints."""
    return os.path.join(run_dir, "checkpoints")


def newest_checkpoint(run_dir):
    """Prefix of the newest checkpoint that is complete and still there, or None."""
    return (complete_checkpoints(run_dir) or [None])[-1]


def complete_checkpoints(run_dir):
    """Prefixes of the checkpoints that are complete and still there, oldest first."""
    import tensorflow as tf

    # The list is written once a checkpoint is complete; a killed process may leave the files of one that is not.
    listed = tf.train.get_checkpoint_state(checkpoint_dir(run_dir))
    return [prefix for prefix in (listed.all_model_checkpoint_paths if listed else ()) if _on_disk(prefix)]


def _on_disk(prefix):
    return os.path.exists(prefix + ".index")


def checkpoint_step(prefix):
    """Training step of a checkpoint prefix `.../ckpt-STEP`."""
    return int(re.search(r"ckpt-(\d+)$", prefix).group(1))


def split_checkpoint(path):
    """(run directory, prefix of the checkpoint named or None) of what `--checkpoint` says; either may not exist."""
    path = path.rstrip("/") or path
    named = re.search(r"^(?:(.*)/)?checkpoints/ckpt-\d+(\.index)?$", path)
    if not named:
        return path, None
    return "." if named.group(1) is None else named.group(1) or "/", path.removesuffix(".index")


def find_run(path, use_ema=False):
    """Finds the checkpoint that `--checkpoint` means.

    Args:
      path: a run directory (its newest checkpoint) or a checkpoint in it (`RUN/checkpoints/ckpt-STEP`).
      use_ema: whether the averaged weights in it are meant.

    Raises:
      NothingThereError: there is no such run directory or no such checkpoint.
      InputError: its config.json cannot be used, or the run has no average.
    """
    if not path:
        raise InputError("--checkpoint is empty: name a run directory, such as runs/NeXtVLAD.")
    run_dir, prefix = split_checkpoint(path)
    config = load_config(run_dir)
    if use_ema and (config.origin or config.training.average_decay is None):
        raise InputError(f"{run_dir} holds no average of its weights: {_why_no_average(config)}")
    prefix = prefix or newest_checkpoint(run_dir)
    if prefix is None:
        raise NothingThereError(f"{path} holds no checkpoint yet: {checkpoint_dir(run_dir)} lists none.")
    if not _on_disk(prefix):
        raise NothingThereError(f"{path}: there is no such checkpoint; {run_dir} alone means the newest one.")
    return Run(run_dir, config, prefix, checkpoint_step(prefix), use_ema)


def _why_no_average(config):
    origin = config.origin
    if not origin:
        return (
            "it was not trained with --ema_half_life or --ema_decay. Leave out --use_ema, or go on from it with "
            "train.py --ema_source."
        )
    sources = ",".join(source.path for source in origin.sources)
    if all(source.use_ema for source in origin.sources):
        return f"{origin.command} made it of the averaged weights of {sources}. Leave out --use_ema."
    other = f", or {origin.command} {sources} with it" if all(map(_holds_average, origin.sources)) else ""
    return f"{origin.command} made it of {sources}, without --use_ema. Leave out --use_ema{other}."


def _holds_average(source):
    try:
        config = load_config(split_checkpoint(source.path)[0])
    except InputError:
        return False
    return not config.origin and config.training.average_decay is not None


def restore_model(run):
    """Builds the model of a run and loads the weights of its checkpoint.

    Returns:
      A VideoClassifier, in float32 unless Keras's dtype policy says otherwise, whatever precision it was trained in.

    Raises:
      InputError: the checkpoint holds another model.
    """
    import tensorflow as tf

    from yt8m_distill.models.classifier import build_model
    from yt8m_distill.stored_weights import holds_stored, read_stored

    model = build_model(run.config.model, run.config.features)
    try:
        if holds_stored(run.checkpoint):
            assign_stored(model, read_stored(run.checkpoint))
        else:
            read_checkpoint(tf.train.Checkpoint(model=model), run.checkpoint)
        if run.use_ema:
            _read_average(model, run.checkpoint)
    except InputError as error:
        raise InputError(
            f"{run.checkpoint} does not fit the {run.config.model.name} of {config_path(run.directory)}: {error}"
        ) from error
    return model


def averaged_weights(model):
    """{name: Keras variable}: the floating-point weights of a model, moving statistics among them."""
    from yt8m_distill.stored_weights import named_weights

    return {name: v for name, v in named_weights(model).items() if v.dtype.startswith(("float", "bfloat"))}


def _read_average(model, prefix):
    """Gives a model the averaged weights of a checkpoint (`training/ema.py`)."""
    import tensorflow as tf

    shadows = {name: variable.value for name, variable in averaged_weights(model).items()}
    read_checkpoint(tf.train.Checkpoint(ema=tf.train.Checkpoint(shadows=shadows)), prefix)


def assign_stored(model, tensors):
    """Gives a model the weights of a checkpoint of stored tensors."""
    from yt8m_distill.stored_weights import named_weights

    weights = named_weights(model)
    if differing := sorted(weights.keys() ^ tensors.keys()):
        raise InputError(f"they do not both have {', '.join(differing[:3])}")
    for name, variable in weights.items():
        values = tensors[name].dequantize()
        if values.shape != tuple(variable.shape):
            raise InputError(f"{name} is {values.shape} and should be {tuple(variable.shape)}")
        variable.assign(values)


def read_checkpoint(checkpoint, prefix):
    """Restores all objects of a tf.train.Checkpoint.

    Raises:
      InputError: the files are damaged or hold other weights; its message is TensorFlow's, shortened.
    """
    import tensorflow as tf

    try:
        checkpoint.restore(prefix).expect_partial().assert_existing_objects_matched()
    except (ValueError, AssertionError, IndexError, RuntimeError, tf.errors.OpError) as error:
        # What is left of a failed restore logs a line for every weight when it is deleted.
        tf.get_logger().addFilter(_is_no_leftover)
        raise InputError(" ".join(str(error).split())[:200]) from error


def _is_no_leftover(record):
    text = record.getMessage()
    return "unrestored values" not in text and "could not be found in the restored object" not in text
