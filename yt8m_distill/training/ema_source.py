"""A run that goes on from a finished one at a low, constant learning rate, to average its weights.

Skalic and Austin, ECCV-W 2018, section 4.1: "decreasing the learning rate of a model by a factor of five, and then
training the model while storing a shadow copy of the weights".
"""

import dataclasses

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.made_run import require_unquantized
from yt8m_distill.errors import InputError
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.stored_weights import named_weights
from yt8m_distill.training.schedules import make_schedule

_FACTOR = 5


def averaging_params(run):
    """The TrainingParams with which a finished Run is averaged: its own, at a constant learning rate.

    That is a fifth of the last one, or, of a cosine, which ends at zero, a fifth of the first.

    Raises:
      InputError: the run is quantised.
    """
    require_unquantized(run, "go on from")
    params = run.config.training
    rate = params.base_learning_rate
    if params.learning_rate_schedule == "exponential":
        rate = float(make_schedule(params, None)(max(run.step - 1, 0)))
    return dataclasses.replace(
        params,
        base_learning_rate=float(f"{rate / _FACTOR:.6g}"),  # of a float32
        learning_rate_schedule="exponential",
        learning_rate_decay=1.0,
        warmup_steps=0,
    )


def load_source(source, model):
    """Gives a model the weights of an EmaSource; random states stay the model's own.

    Raises:
      InputError: the source is gone, has changed or is of another model.
    """
    run = find_run(source.path)
    checksum = checkpoint_checksum(run.checkpoint)
    if checksum != source.checksum:
        raise InputError(
            f"{source.path} is not what the run was started with: its SHA-256 is {checksum[:16]}..., expected "
            f"{source.checksum[:16]}... Put it back, or start another run."
        )
    weights = named_weights(restore_model(run))
    for name, variable in named_weights(model).items():
        variable.assign(weights[name].value)
