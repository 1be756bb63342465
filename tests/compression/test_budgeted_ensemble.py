"""The members that do best within a budget."""

import itertools

import numpy as np
import pytest
from compression.made_predictions import made_members

from yt8m_distill.compression import budgeted_ensemble
from yt8m_distill.compression.budgeted_ensemble import best_within
from yt8m_distill.compression.weight_search import ascend, gap_of, single_weights
from yt8m_distill.errors import InputError

SIZES = (50, 20, 20, 20, 10)


@pytest.fixture(scope="module")
def predictions():
    return made_members(1.6, 2.0, 2.0, 2.1, None, videos=200)


@pytest.mark.parametrize("budget", [10, 20, 45, 60, 90, 200])
def test_the_budget_holds_and_no_single_member_that_fits_does_better(budget, predictions):
    found = best_within(predictions, SIZES, budget)
    chosen = np.flatnonzero(found.weights)
    assert sum(SIZES[member] for member in chosen) == found.steps[-1].num_bytes <= budget
    assert found.weights.sum() == pytest.approx(1)
    fitting = [member for member, size in enumerate(SIZES) if size <= budget]
    gap = gap_of(found.weights, predictions)
    assert gap == found.steps[-1].gap >= gap_of(single_weights(predictions, fitting), predictions)


def test_three_small_members_win_over_a_large_one(predictions):
    found = best_within(predictions, SIZES, 60)
    assert np.flatnonzero(found.weights).tolist() == [1, 2, 3]
    within = [s for n in (1, 2, 3) for s in itertools.combinations(range(5), n) if sum(SIZES[m] for m in s) <= 60]
    starts = [np.isin(range(5), members).astype(float) for members in within]
    best = max(gap_of(ascend(predictions, start), predictions) for start in starts)
    assert gap_of(found.weights, predictions) >= best - 1e-3


def test_what_knows_nothing_does_not_join_though_it_fits(predictions):
    assert best_within(predictions, SIZES, 1000).weights[4] == 0


def test_of_each_member_the_reserve_is_part_of_the_budget(predictions):
    found = best_within(predictions, SIZES, 75, reserve=10)
    chosen = np.flatnonzero(found.weights)
    assert sum(SIZES[member] + 10 for member in chosen) <= 75
    assert found.steps[-1].num_bytes == sum(SIZES[member] for member in chosen)  # without it they are told
    with pytest.raises(InputError, match="no member fits"):
        best_within(predictions, SIZES, 15, reserve=10)


def test_a_member_that_makes_it_worse_is_not_kept(predictions, monkeypatch):
    monkeypatch.setattr(budgeted_ensemble, "ascend", lambda _, weights: weights)
    monkeypatch.setattr(budgeted_ensemble, "_gain", lambda weights, member, _: 1 / (1 + member))  # in their order
    found = best_within(predictions, SIZES, 1000)
    in_order = [np.arange(5) < count for count in range(1, 6)]
    gaps = [gap_of(members / members.sum(), predictions) for members in in_order]
    assert gaps[-1] < max(gaps)  # the last one knows nothing
    assert found.steps[-1].gap == gap_of(found.weights, predictions) == pytest.approx(max(gaps))


def test_a_gain_is_read_off_the_half_that_did_not_choose_the_share(monkeypatch):
    """One half gains by the member's whole share and the other loses it: in sample that would be a gain of 0.225."""
    sign = {"gains": 1, "loses": -1}
    monkeypatch.setattr(budgeted_ensemble, "gap_of", lambda weights, half: 0.5 + sign[half] * weights[1])
    for halves in (["gains", "loses"], ["loses", "gains"]):
        gain = budgeted_ensemble._gain(np.array([1.0, 0.0]), 1, halves)
        assert gain == pytest.approx((0.05 - 0.5) / 2)  # the share of 0.5 is chosen by the one, 0.05 by the other


@pytest.mark.parametrize("videos", [1, 40])
def test_a_half_without_a_label_is_bad_input(videos):
    few = made_members(1.5, 2.0, videos=videos)
    few.num_labels[few.folds(2, "budget") == 1] = 0
    with pytest.raises(InputError, match=f"--search=greedy .* of {videos} none with a label"):
        best_within(few, (1, 1), 2)


def test_it_is_the_same_every_time(predictions):
    one, other = (best_within(predictions, SIZES, 70) for _ in range(2))
    assert one.steps == other.steps and (one.weights == other.weights).all()


def test_where_nothing_fits_the_smallest_member_is_named(predictions):
    with pytest.raises(InputError, match=r"no member fits .* the smallest takes 0\.00 MiB and the budget is 0\.00 MiB"):
        best_within(predictions, SIZES, 9)
