"""The models at the end of the road, stored in 8 bits: quantised run directories like any other.

OUTPUT/quantized/NAME  the run directory made from OUTPUT/NAME
"""

import os

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.policy import Policy
from yt8m_distill.compression.quantized_run import quantize_model, weights_of, write_quantized_run
from yt8m_distill.run_config import find_run, load_config, restore_model

_POLICY = Policy()  # the paper's: 256 equal steps for weights of more than 17,000 values


def quantized_run(runner, plan):
    """The quantised Run of a finished plan, made where it is not there or was made from other weights."""
    run = runner.finished(plan)
    directory = os.path.join(runner.output_dir, "quantized", plan.name)
    if not _is_of(directory, run):
        os.makedirs(os.path.dirname(directory), exist_ok=True)
        model = restore_model(run)
        tensors, rows = quantize_model(model, _POLICY.methods(weights_of(model)))
        size = sum(tensor.num_bytes for tensor in tensors.values())
        settings = {"method": _POLICY.method, "min_elements": _POLICY.min_elements, "bytes": size}
        write_quantized_run(run, tensors, rows, settings, directory, overwrite=True)
        keras.backend.clear_session()
    return find_run(directory)


def _is_of(directory, run):
    if not os.path.isdir(directory):
        return False
    source = load_config(directory).origin.sources[0]
    return (source.checksum, source.use_ema) == (checkpoint_checksum(run.checkpoint), run.use_ema)
