import numpy as np
import pytest


@pytest.fixture
def random_case():
    """Makes labels and predictions without ties: the labels' scores are higher on average."""

    def make(seed, videos=40, classes=30, density=0.1):
        generator = np.random.default_rng(seed)
        labels = (generator.random((videos, classes)) < density).astype(np.float32)
        noisy = generator.random((videos, classes)) * 0.7 + 0.3 * labels
        ranks = noisy.ravel().argsort().argsort().reshape(labels.shape)
        return labels, ((ranks + 1) / (ranks.size + 1)).astype(np.float32)

    return make
