"""A run directory whose large weights are stored in 8 bits, or by another policy.

RUN/quantization.csv  a row a weight: bytes before and after, errors
"""

import dataclasses

import numpy as np

from yt8m_distill.compression.made_run import write_made_run
from yt8m_distill.compression.policy import store
from yt8m_distill.compression.report import report_csv, stored_row
from yt8m_distill.hyperparameters.origin import Origin
from yt8m_distill.stored_weights import named_weights

REPORT = "quantization.csv"


def weights_of(model):
    """{name: array} of a model's weights as they are now."""
    return {name: np.array(variable.value) for name, variable in named_weights(model).items()}


def quantize_model(model, methods):
    """Gives a model the values that its weights have once they are stored.

    Args:
      model: VideoClassifier.
      methods: {name: method} of every weight, see `policy.Policy.methods`.

    Returns:
      ({name: stored tensor}, [StoredRow]).

    Raises:
      InputError: a weight holds NaN or infinity; it is named.
    """
    tensors, rows = {}, []
    for name, variable in named_weights(model).items():
        array = np.array(variable.value)
        tensors[name] = store(name, array, methods[name])
        rows.append(stored_row(name, array, methods[name], tensors[name]))
        variable.assign(tensors[name].dequantize())
    return tensors, rows


def write_quantized_run(run, tensors, rows, settings, directory, overwrite=False):
    """Writes the run directory.

    Args:
      run: Run that the weights come from.
      tensors, rows: from `quantize_model`.
      settings: {name: JSON value} for the origin: how it was quantised and what that changed.
      directory, overwrite: see `write_made_run`.
    """
    config = dataclasses.replace(run.config, origin=Origin("quantize", (run.as_teacher(),), settings))
    write_made_run(config, tensors, run.step, directory, overwrite, {REPORT: report_csv(rows)})
