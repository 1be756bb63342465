"""What is said about weights that are over a budget."""

import numpy as np
import pytest

from yt8m_distill.compression.policy import store
from yt8m_distill.compression.size_advice import advice


@pytest.mark.parametrize(("more", "verdict"), [(0, "which would fit"), (1, "which would not be enough")])
def test_what_is_saved_fits_where_it_is_the_whole_excess(more, verdict):
    weight = np.random.default_rng(0).normal(size=(200, 100)).astype("float32")
    plain, eight = (store("a", weight, method) for method in ("none", "uniform"))
    text = advice({"a": plain}, plain.num_bytes - eight.num_bytes + more)
    assert f" 8 bits would save 0.1 MB, {verdict}." in text
