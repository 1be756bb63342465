"""The members that do best within a budget."""

import itertools

import numpy as np
import pytest
from compression.made_predictions import made_members

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


def test_it_is_the_same_every_time(predictions):
    one, other = (best_within(predictions, SIZES, 70) for _ in range(2))
    assert one.steps == other.steps and (one.weights == other.weights).all()


def test_where_nothing_fits_the_smallest_member_is_named(predictions):
    with pytest.raises(InputError, match=r"no member fits .* the smallest has 0\.00 MiB and the budget is 0\.00 MiB"):
        best_within(predictions, SIZES, 9)
