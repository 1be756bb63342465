"""Weights are scored on videos that they were not fitted to."""

import numpy as np
import pytest
from compression.made_predictions import keep, made_labels, made_members, made_scores

from yt8m_distill.compression.nested_search import marginal_gap, nested_gap, score_of, scored_fit
from yt8m_distill.compression.weight_search import ascend, equal_weights, gap_of, random_search
from yt8m_distill.errors import InputError


def test_no_video_is_fitted_to_and_held_out_at_once():
    predictions, seen = made_members(1.5, 2.0, videos=100), []

    def fit(others):
        seen.append(set(others.ids.tolist()))
        return equal_weights(others)

    nested_gap(fit, predictions, folds=4)
    everything = set(predictions.ids.tolist())
    held_out = [everything - others for others in seen]
    assert all(held_out) and set.union(*held_out) == everything
    assert sum(map(len, held_out)) == len(everything)


def test_folds_go_by_id_alone():
    predictions = made_members(1.5, videos=60)
    order = np.random.default_rng(0).permutation(60)
    assert (predictions.select(order).folds(5) == predictions.folds(5)[order]).all()
    assert (predictions.folds(2, "budget") != predictions.folds(2)).any()


def test_a_gain_by_chance_shows_where_it_was_fitted_and_vanishes_where_it_was_held_out():
    fitted, held_out = [], []
    for seed in range(80):  # members that know nothing: no weights are better than others
        predictions = made_members(None, None, None, None, seed=seed, videos=60)
        nested = nested_gap(lambda others: random_search(others, 25), predictions)
        fitted.append(nested.fitted.mean() - gap_of(equal_weights(predictions), predictions))
        held_out.append(nested.gain.mean())
    assert np.mean(fitted) > 5 * _standard_error(fitted)
    assert abs(np.mean(held_out)) < 2.5 * _standard_error(held_out)
    assert abs(np.mean(held_out)) < np.mean(fitted) / 4


def _standard_error(values):
    return np.std(values, ddof=1) / len(values) ** 0.5


def test_a_fit_is_scored_on_all_videos_and_on_the_folds():
    predictions = made_members(1.5, None, videos=150)
    weights, score = scored_fit(ascend, predictions, folds=3, progress=False)
    assert weights.tolist() == [1, 0]
    assert score.fitted == score.own[0] == gap_of([1, 0], predictions) > score.equal
    assert (score.nested.gain > 0).all()
    assert score.nested.held_out == pytest.approx(score.nested.single, abs=0.01)
    assert score.nested.marginal.shape == (3, 2)
    assert (score.nested.marginal[:, 0] > 0.1).all() and (abs(score.nested.marginal[:, 1]) < 0.01).all()
    assert (score.videos, score.proven) == (150, 1)
    assert (score.marginal == score.nested.marginal.mean(axis=0)).all()


def test_of_given_weights_nothing_is_called_held_out():
    predictions = made_members(1.5, 2.0, videos=60)
    weights = ascend(predictions)
    score = score_of(weights, predictions)
    assert score.nested is None
    assert score.fitted == gap_of(weights, predictions)
    assert (score.marginal == marginal_gap(weights, predictions)).all()


def test_marginal_gap_is_what_is_lost_without_the_member():
    random = np.random.default_rng(5)
    labels = made_labels(random, 100)
    members = np.stack([made_scores(random, labels, noise) for noise in (1.5, 2, 2.5)])
    predictions = keep(members, labels)
    weights = np.array([0.5, 0.3, 0.2])
    gains = marginal_gap(weights, predictions)
    assert gains[2] == gap_of(weights, predictions) - gap_of([0.625, 0.375, 0], predictions)
    assert marginal_gap([1.0, 0, 0], predictions).tolist() == [gap_of([1, 0, 0], predictions), 0, 0]


def test_too_few_videos_for_the_folds_are_bad_input():
    with pytest.raises(InputError, match="--folds=9: of 5 videos"):
        nested_gap(equal_weights, made_members(1.5, videos=5), folds=9)
