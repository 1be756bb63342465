import numpy as np
from keras import ops

from yt8m_distill.layers.dequantize import Dequantize


def test_bytes_become_the_values_of_the_starter_code():
    x = Dequantize()(np.array([[[0, 255, 128]]], "uint8"), np.array([1]))
    np.testing.assert_allclose(ops.convert_to_numpy(x)[0, 0], [-1.9921875, 2.0078125, 0.0156556], atol=1e-6)


def test_padded_frames_become_zero_whatever_they_hold():
    q = np.random.default_rng(0).integers(0, 256, (3, 5, 2)).astype("uint8")
    x = ops.convert_to_numpy(Dequantize()(q, np.array([5, 2, 0])))
    assert (x[0] != 0).all()
    assert (x[1, :2] != 0).all()
    assert (x[1, 2:] == 0).all()
    assert (x[2] == 0).all()


def test_floats_pass():
    frames = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(Dequantize()(frames, np.array([1, 2]))), frames)


def test_the_result_has_the_compute_dtype():
    x = Dequantize(dtype="mixed_float16")(np.zeros((1, 1, 1), "uint8"), np.array([1]))
    assert ops.convert_to_numpy(x).dtype == "float16"
