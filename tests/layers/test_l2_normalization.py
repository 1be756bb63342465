import numpy as np
from keras import ops

from yt8m_distill.layers.l2_normalization import L2Normalization


def test_vectors_get_unit_length_along_the_axis():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    for axis in (1, -1):
        y = ops.convert_to_numpy(L2Normalization(axis=axis)(x))
        np.testing.assert_allclose(np.linalg.norm(y, axis=axis), 1.0, rtol=1e-6)
        np.testing.assert_allclose(y, x / np.linalg.norm(x, axis=axis, keepdims=True), rtol=1e-6)


def test_zero_stays_zero_and_the_epsilon_stands_under_the_root():
    x = np.array([[0.0, 0.0], [1e-7, 0.0]], "float32")
    y = ops.convert_to_numpy(L2Normalization()(x))
    np.testing.assert_allclose(y, [[0.0, 0.0], [0.1, 0.0]], rtol=1e-5)


def test_long_vectors_of_16_bits_do_not_overflow():
    y = L2Normalization(dtype="float16")(np.full((1, 1000), 100.0, "float16"))
    np.testing.assert_allclose(ops.convert_to_numpy(y), 1000**-0.5, rtol=1e-3)
