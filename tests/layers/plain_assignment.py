"""Soft assignment in float64, for the tests of the layers that sum by it."""

import numpy as np
from keras import ops


def array(weight):
    return ops.convert_to_numpy(weight).astype("float64")


def plain_assignment(layer, frames):
    """(frames, clusters): `layer` is a `SoftAssignment`, `frames` one video without padding."""
    scores = frames @ array(layer.kernel)
    if layer.batch_norm:
        scores = (scores - array(layer.bn.moving_mean)) / np.sqrt(array(layer.bn.moving_variance) + 1e-3)
        scores = array(layer.bn.gamma) * scores + array(layer.bn.beta)
    else:
        scores = scores + array(layer.bias)
    exponents = np.exp(scores)
    return exponents / exponents.sum(axis=1, keepdims=True)
