"""A cell of a table says the mean over the seeds and how far they differ."""

import math

from yt8m_distill.experiments.layout import cell


def test_a_cell_is_the_mean_with_the_deviation_in_units_of_its_last_digit():
    assert cell({0: 0.3801}) == "0.380"
    assert cell({0: 0.38, 1: 0.382, 2: 0.384}) == "0.382 (2)"
    assert cell({0: 0.25, 1: 0.25}, digits=1) == "0.2 (0)"


def test_a_seed_without_a_number_shows():
    assert cell({0: 0.38, 1: math.nan}) == "nan"
    assert cell({0: math.nan}) == "nan"
