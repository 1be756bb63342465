"""The mean of the weights of several checkpoints of one model (stochastic weight averaging), as a run directory."""

import dataclasses

from yt8m_distill.compression.averaging import average
from yt8m_distill.compression.made_run import require_unquantized, write_made_run
from yt8m_distill.compression.partial_quantization import require_finite
from yt8m_distill.compression.quantized_run import weights_of
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.origin import Origin
from yt8m_distill.run_config import restore_model
from yt8m_distill.stored_weights import Plain, named_weights


def averaged_model(runs):
    """The model of `runs` with the mean of their weights; states that are no floats are the last run's.

    Args:
      runs: Runs, at least one; one model is held in memory beside the sum.

    Raises:
      InputError: there is none, one is quantised, or they are not of one model on one kind of data; NaN or
        infinity in one of them.

    Reference:
      Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018, section 3.2.
    """
    for run in runs:
        require_unquantized(run, "average")
        _require_same_numbers(runs[0], run)
    weights = average(_finite_weights(run) for run in runs)
    model = restore_model(runs[-1])
    for name, variable in named_weights(model).items():
        variable.assign(weights[name])
    return model


def write_averaged_run(model, runs, directory, settings, overwrite=False):
    """Writes the run directory of `averaged_model(runs)`; `settings` is what its origin says beside the sources.

    Its config is the last run's.
    """
    sources = tuple(run.as_teacher(1 / len(runs)) for run in runs)
    config = dataclasses.replace(runs[-1].config, origin=Origin("average", sources, settings), ema_source=None)
    tensors = {name: Plain(weight.numpy()) for name, weight in named_weights(model).items()}
    write_made_run(config, tensors, runs[-1].step, directory, overwrite)


def _finite_weights(run):
    weights = weights_of(restore_model(run))
    for name, array in weights.items():
        require_finite(f"{run.checkpoint}: {name}", array)
    return weights


def _require_same_numbers(first, run):
    """Weights of one shape may mean different things."""
    numbers, others = _numbers(first.config), _numbers(run.config)
    for name, number in numbers.items():
        if others[name] != number:
            raise InputError(
                f"{first.checkpoint} is of a model with {name}={number} and {run.checkpoint} of one with "
                f"{name}={others[name]}: only weights of one model, trained on one kind of data, have a mean."
            )


def _numbers(config):
    """{name: number} of the model and of the data that it is for."""
    model = config.model
    numbers = {name: getattr(getattr(model, part), name) for name, part in model.fields.items()}
    return {"name": model.name, **dataclasses.asdict(config.features), **numbers}
