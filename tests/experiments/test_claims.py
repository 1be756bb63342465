import math
import statistics

import pytest

from yt8m_distill.experiments.claims import FAILS, HOLDS, UNDECIDED, Claim, Comparison, above, alike, counted


@pytest.mark.parametrize(
    ("differences", "margin", "verdict"),
    [
        ((0.010, 0.011, 0.012), 0.0, HOLDS),
        ((-0.010, -0.011, -0.012), 0.0, FAILS),
        ((0.010, -0.002, 0.012), 0.0, UNDECIDED),
        ((0.010, 0.011, 0.012), 0.02, FAILS),
        ((0.010, 0.011, 0.012), 0.011, UNDECIDED),
        ((0.0, 0.0), 0.0, UNDECIDED),  # the same number twice is not above
        ((0.5,), 0.0, UNDECIDED),  # one seed has no spread
        ((-0.001, -0.002, 0.0), -0.009, HOLDS),
    ],
)
def test_a_difference_counts_where_it_exceeds_its_spread(differences, margin, verdict):
    assert Comparison("", differences, margin).verdict() == verdict


def test_the_spread_is_students_t_times_the_standard_error():
    values = (0.1, 0.2, 0.6)
    comparison = Comparison("", values)
    assert comparison.mean == pytest.approx(0.3)
    assert comparison.half_width == pytest.approx(2.920 * statistics.stdev(values) / math.sqrt(3), rel=1e-3)
    many = tuple(range(30))
    assert Comparison("", many).half_width == pytest.approx(1.699 * statistics.stdev(many) / math.sqrt(30), rel=1e-3)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ((0.001, -0.001, 0.0), HOLDS),
        ((0.010, 0.011, 0.012), FAILS),
        ((-0.010, -0.011, -0.012), FAILS),
        ((0.001, 0.009, 0.004), UNDECIDED),
    ],
)
def test_rows_are_alike_when_their_difference_lies_within_the_margin_both_ways(differences, verdict):
    assert Comparison("", differences, 0.006, both_ways=True).verdict() == verdict


@pytest.mark.parametrize(
    "comparison",
    [
        Comparison("x", (math.nan,), 1, both_ways=True, counted=True),
        Comparison("x", (math.nan,)),  # of one seed, which decides nothing else
        above("x", {0: 0.5, 1: math.nan, 2: 0.5}, {0: 0.4, 1: 0.4, 2: 0.4}),
        alike("x", {0: math.nan, 1: 0.5}, {0: 0.5, 1: 0.5}, 0.1),
        counted("x", math.nan, 0.5),
    ],
)
def test_nan_refutes(comparison):
    assert comparison.verdict() == FAILS
    assert Claim("", (comparison, counted("good", 1, 0))).verdict == FAILS
    assert "x: +nan" in str(Claim("", (comparison,)))


def test_rows_are_compared_seed_by_seed():
    one, other = {0: 0.5, 1: 0.7, 2: 0.6}, {2: 0.5, 0: 0.4, 1: 0.6}
    comparison = above("one over other", one, other)
    assert comparison.differences == pytest.approx((0.1, 0.1, 0.1))
    assert comparison.verdict() == HOLDS  # though the rows' own spreads overlap
    assert alike("", one, other, 0.05).verdict() == FAILS
    with pytest.raises(ValueError, match="same seeds"):
        above("", one, {0: 0.5})


def test_a_claim_holds_when_all_of_its_comparisons_do():
    good, bad, unclear = (Comparison(name, d) for name, d in [("g", (1, 1.1)), ("b", (-1, -1.1)), ("u", (-1, 2))])
    assert Claim("", (good, good)).verdict == HOLDS
    assert Claim("", (good, unclear)).verdict == UNDECIDED
    assert Claim("", (good, unclear, bad)).verdict == FAILS
    text = str(Claim("A beats B.", (good, unclear, bad)))
    assert text.startswith("[does not hold] A beats B. (3 comparisons: 1 holds; 1 does not hold; 1 undecided")
    assert [line.split()[:2] for line in text.splitlines()[1:]] == [["+", "g:"], ["?", "u:"], ["-", "b:"]]
    small = Comparison("small", (0.1, 0.11))
    assert str(Claim("A beats B.", (good, small))).splitlines()[1:] == ["    + small: +0.1050 +- 0.0316"]


def test_many_comparisons_are_no_likelier_to_refute_a_claim_than_one():
    slightly = Comparison("", (-0.010, -0.002, -0.006))  # t = 2.6 with 2 degrees of freedom: 6 %
    clearly = Comparison("", (-0.010, -0.004, -0.007))  # t = 4.04: 2.8 %
    by_far = Comparison("", (-0.010, -0.011, -0.0105))
    good = Comparison("", (0.010, 0.011, 0.012))
    assert [one.verdict() for one in (slightly, clearly, by_far)] == [UNDECIDED, FAILS, FAILS]
    assert Claim("", (clearly,)).verdict == FAILS
    assert Claim("", (clearly, good)).verdict == UNDECIDED
    assert Claim("", (by_far, *[good] * 7)).verdict == FAILS
