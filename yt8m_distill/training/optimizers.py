"""The optimizer of a run."""

import keras

from yt8m_distill.errors import InputError
from yt8m_distill.training.fused_adam import FusedAdam, FusedAdamW

_STARTER_CODE_NAMES = {"gradientdescent": "sgd"}
_FUSED = {"adam": FusedAdam, "adamw": FusedAdamW}


def make_optimizer(params, schedule, num_replicas=1):
    """A Keras optimizer that clips each variable's gradient, as the starter code does.

    Args:
      params: TrainingParams; `optimizer` in upper or lower case, with or without the ending 'Optimizer'.
      schedule: learning rate schedule.
      num_replicas: the training step hands over gradients divided by this number (see `step.py`), so the norm at
        which they are clipped is divided as well.

    Raises:
      InputError: Keras has no optimizer of that name.
    """
    known = _optimizers()
    name = params.optimizer.lower().removesuffix("optimizer")
    name = _STARTER_CODE_NAMES.get(name, name)
    if name not in known:
        choices = ", ".join(sorted(optimizer.__name__ for optimizer in known.values()))
        raise InputError(f"--optimizer={params.optimizer}: expected one of {choices}.")
    options = {"learning_rate": schedule}
    if params.clip_gradient_norm > 0:
        options["clipnorm"] = params.clip_gradient_norm / num_replicas
    if params.weight_decay is not None:
        options["weight_decay"] = params.weight_decay
    optimizer = _FUSED.get(name, known[name])(**options)
    if params.mixed_precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _optimizers():
    """{lower-case name: class} of the optimizers that Keras has."""
    base = keras.optimizers.Optimizer
    classes = [value for value in vars(keras.optimizers).values() if isinstance(value, type)]
    wrappers = ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
    return {c.__name__.lower(): c for c in classes if issubclass(c, base) and c.__name__ not in wrappers}
