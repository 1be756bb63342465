import numpy as np
from keras import ops

from yt8m_distill.layers.frame_mean import FrameMean

FRAMES = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
NUM_FRAMES = np.array([5, 2, 0], "int32")


def test_the_mean_is_that_of_the_valid_frames():
    mean = ops.convert_to_numpy(FrameMean()(FRAMES, NUM_FRAMES))
    np.testing.assert_allclose(mean[0], FRAMES[0].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(mean[1], FRAMES[1, :2].mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(mean[2], 0)


def test_without_the_mask_every_row_is_summed_and_divided_by_num_frames():
    mean = ops.convert_to_numpy(FrameMean(mask_padding=False)(FRAMES, NUM_FRAMES))
    np.testing.assert_allclose(mean[1], FRAMES[1].sum(axis=0) / 2, atol=1e-6)
