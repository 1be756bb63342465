"""Runs the golden files of quantised and averaged weights through this project's code.

RUNNERS: {prefix of the file name: function of the path}. A runner raises AssertionError on a difference; it returns
the output keys it does not cover, where there are any.
"""

import collections

import numpy as np
from golden_metrics import load

from yt8m_distill.compression import partial_quantization as quantization
from yt8m_distill.compression.averaging import average
from yt8m_distill.stored_weights import Codebook

TOLERANCE = 1e-5


def _inputs_and_outputs(golden):
    sides = ("inputs/", "outputs/")
    return ({key.removeprefix(side): golden[key] for key in golden if key.startswith(side)} for side in sides)


def run_quantize(path):
    golden, config = load(path)
    inputs, outputs = _inputs_and_outputs(golden)
    compared = set()
    for method, names in _converted(outputs).items():
        _assert_selected(method, names, inputs, config)
        for name in names:
            actual = _quantized(method, name, inputs[name], outputs)
            for key in actual.keys() & outputs.keys():
                _assert_equal(actual[key], outputs[key], key)
                compared.add(key)
    assert compared, "nothing was compared"
    return sorted(outputs.keys() - compared)


def _converted(outputs):
    """{method: names of the tensors}, from keys such as quant_uniform/tower/weights/codes."""
    found = collections.defaultdict(set)
    for key in outputs:
        method, _, rest = key.partition("/")
        found[method].add(rest.rpartition("/")[0])
    return found


def _assert_selected(method, names, inputs, config):
    limit = config["min_elements"]
    converted = {name for name, array in inputs.items() if quantization.is_converted(array, limit)}
    assert converted == names
    assert converted == set(config.get(f"{method}_converted", converted))
    assert inputs.keys() - converted == set(config.get(f"{method}_untouched", inputs.keys() - converted))


def _quantized(method, name, array, outputs):
    if method == "float16":
        half = quantization.quantize(name, array, "float16").values
        results = {"float16": half, "dequantised": half.astype("float32")}
    elif method == "quant_kmeans":
        # The reference's centres depend on chance: its own are taken, and what is compared is the assignment.
        codebook = outputs[f"{method}/{name}/space"]
        coded = Codebook(quantization.assign(array, codebook), codebook)
        results = {"codes": coded.codes, "dequantised": coded.dequantize(), "space": np.sort(codebook)}
        _assert_no_worse(array, coded.dequantize(), quantization.quantize(name, array, "kmeans").dequantize())
    else:
        coded = quantization.quantize(name, array, method.removeprefix("quant_"))
        results = {"codes": coded.codes, "dequantised": coded.dequantize(), "space": coded.codebook}
        results |= {"min": coded.codebook[0], "max": coded.codebook[-1]}
    return {f"{method}/{name}/{key}": result for key, result in results.items()}


def _assert_no_worse(array, reference, own):
    errors = [np.square(values - array, dtype=np.float64).sum() for values in (own, reference)]
    assert errors[0] <= 1.02 * errors[1], (
        f"the squared error of our own k-means is {errors[0]:g}: theirs, {errors[1]:g}"
    )


def _assert_equal(actual, expected, key):
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), key
    tolerance = 0 if expected.dtype == np.uint8 else TOLERANCE
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance, err_msg=key)


def run_average(path):
    golden, config = load(path)
    inputs, outputs = _inputs_and_outputs(golden)
    actual = average(
        {key.removeprefix(f"model{number}/"): inputs[key] for key in inputs if key.startswith(f"model{number}/")}
        for number in range(config["num_models"])
    )
    assert actual.keys() == outputs.keys()
    for key, array in outputs.items():
        _assert_equal(actual[key], array, key)


RUNNERS = {"quantize_": run_quantize, "weights_average": run_average}
