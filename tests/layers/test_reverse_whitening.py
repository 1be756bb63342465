import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.reverse_whitening import ReverseWhitening


def test_components_get_their_variance_back():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    eigenvalues = [4.0, 1.0, 0.25, 0.0]
    expected = (x - 4 / 512) * (np.sqrt(eigenvalues) + 1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(ReverseWhitening(eigenvalues)(x)), expected, atol=1e-6)


def test_a_negative_variance_is_refused():
    with pytest.raises(ValueError, match="not be negative"):
        ReverseWhitening([1.0, -0.5])
