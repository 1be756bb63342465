"""The optimizer of a run."""

import keras

from yt8m_distill.errors import InputError


def make_optimizer(params, schedule, num_replicas=1):
    """A Keras optimizer that clips each variable's gradient, as the starter code does.

    Args:
      params: TrainingParams; `optimizer` with or without the ending 'Optimizer'.
      schedule: learning rate schedule.
      num_replicas: the training step hands over gradients divided by this number (see `step.py`), so the norm at
        which they are clipped is divided as well.

    Raises:
      InputError: Keras has no optimizer of that name, or it takes no weight decay.
    """
    name = params.optimizer.removesuffix("Optimizer")
    optimizer_class = getattr(keras.optimizers, name, None)
    if not (isinstance(optimizer_class, type) and issubclass(optimizer_class, keras.optimizers.Optimizer)):
        raise InputError(f"--optimizer={params.optimizer}: Keras has no such optimizer; try Adam, AdamW or SGD.")
    options = {"learning_rate": schedule}
    if params.clip_gradient_norm > 0:
        options["clipnorm"] = params.clip_gradient_norm / num_replicas
    if params.weight_decay is not None:
        options["weight_decay"] = params.weight_decay
    optimizer = optimizer_class(**options)
    if params.mixed_precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
