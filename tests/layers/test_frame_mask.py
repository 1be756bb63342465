import numpy as np
from keras import ops

from yt8m_distill.layers.frame_mask import frame_mask


def test_the_first_num_frames_rows_are_frames():
    mask = ops.convert_to_numpy(frame_mask(np.array([0, 2, 9]), 3))
    np.testing.assert_array_equal(mask, [[0, 0, 0], [1, 1, 0], [1, 1, 1]])
