import numpy as np
from keras import ops

from yt8m_distill.layers.frame_maximum import frame_maximum


def test_the_maximum_runs_over_the_frames():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(frame_maximum(x, -9.0)), x.max(axis=1))


def test_without_a_row_the_least_stands_for_every_video():
    np.testing.assert_array_equal(ops.convert_to_numpy(frame_maximum(np.zeros((2, 0, 4), "float32"), -9.0)), -9.0)
    assert frame_maximum(np.zeros((2, 0, 4), "float32"), -9.0).shape == (2, 4)
