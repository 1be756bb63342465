import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.logistic import Logistic

X = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")


def test_the_penalty_is_half_the_squares_of_the_weights():
    layer = Logistic(num_classes=3, l2_penalty=0.1)
    layer(X)
    layer.logits.bias.assign([1.0, 2.0, 3.0])
    expected = 0.05 * float(ops.sum(ops.square(layer.logits.kernel)))
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)


def test_predictions_are_float32_under_mixed_precision():
    layer = Logistic(num_classes=3, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(layer(X).dtype) == "float32"


def test_predictions_begin_around_the_initial_probability():
    layer = Logistic(num_classes=3, initial_probability=0.001)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(0 * X)), 0.001, rtol=1e-4)
