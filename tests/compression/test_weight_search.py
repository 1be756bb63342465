"""GAP of a weighted mean, and the searches for weights."""

import numpy as np
import pytest
from compression.made_predictions import keep, made_labels, made_members, made_scores

from yt8m_distill.compression.weight_search import (
    ascend,
    equal_weights,
    gap_of,
    random_search,
    settled,
    share_proven,
    single_weights,
    weighted_mean,
)
from yt8m_distill.metrics.gap import GlobalAveragePrecision


def _metric(weights, predictions, labels):
    metric = GlobalAveragePrecision(20)
    metric.update_state(labels, weighted_mean(weights, predictions))
    return metric.result()


@pytest.mark.parametrize("coarse", [False, True])
def test_gap_is_that_of_the_metric(coarse):
    random = np.random.default_rng(1)
    labels = made_labels(random, videos=5000, classes=40)  # more videos than are looked at together
    predictions = np.stack([made_scores(random, labels, noise) for noise in (1, 2, 3)])
    if coarse:  # ties within and between videos
        predictions = np.round(predictions * 8) / np.float32(8)
    kept = keep(predictions, labels)
    for weights in ([1, 0, 0], [0.5, 0.25, 0.25], [0.2, 0.7, 0.1]):
        assert gap_of(np.array(weights), kept) == _metric(weights, predictions, labels)


def test_fewer_classes_than_twenty_are_all_ranked():
    random = np.random.default_rng(2)
    labels = made_labels(random, videos=50, classes=7)
    predictions = made_scores(random, labels, 2)[None]
    assert gap_of([1.0], keep(predictions, labels)) == _metric([1.0], predictions, labels)


def test_where_the_best_classes_are_proven_to_be_kept_gap_is_exact():
    random = np.random.default_rng(3)
    labels = made_labels(random, videos=200, classes=200)
    shared = random.normal(0, 2, labels.shape)
    predictions = np.stack([made_scores(random, labels, 0.3) * (1 / (1 + np.exp(-shared))) for _ in range(2)])
    predictions = predictions.astype(np.float32)
    weights = [0.6, 0.4]
    few, enough = keep(predictions, labels, 21), keep(predictions, labels, 80)
    assert share_proven(weights, few) < 0.5
    assert share_proven(weights, enough) == 1
    assert gap_of(weights, enough) == _metric(weights, predictions, labels)


@pytest.mark.parametrize(("kept", "proven"), [(5, 0), (19, 0), (30, 1), (None, 1)])
def test_of_fewer_than_twenty_kept_classes_nothing_is_proven_but_where_all_are_kept(kept, proven):
    random = np.random.default_rng(3)
    labels = made_labels(random, videos=40, classes=31 if kept else 7)
    sure = np.where(np.arange(labels.shape[1]) < 25, 0.5, 0.1) * made_scores(random, labels, 0.1)
    predictions = np.where(np.arange(labels.shape[1]) < 25, 0.5 + sure, sure).astype(np.float32)[None]
    assert share_proven([1.0], keep(predictions, labels, kept)) == proven


def test_a_member_that_knows_nothing_is_left_out():
    predictions = made_members(1.5, None, 1.5)
    weights = ascend(predictions)
    assert weights[1] == 0
    assert weights[[0, 2]] == pytest.approx([0.5, 0.5], abs=0.1)
    assert weights.sum() == pytest.approx(1)


def test_the_climb_finds_the_optimum_of_a_grid():
    predictions = made_members(1.0, 1.6, 2.2, videos=150)
    grid = [np.array([a, b, 40 - a - b]) / 40 for a in range(41) for b in range(41 - a)]
    assert gap_of(ascend(predictions), predictions) >= max(gap_of(w, predictions) for w in grid) - 5e-4


def test_the_climb_never_ends_below_its_starts_and_keeps_left_out_what_is():
    predictions = made_members(1.2, 1.8, 2.5, seed=4, videos=150)
    climbed = gap_of(ascend(predictions), predictions)
    assert climbed >= gap_of(equal_weights(predictions), predictions)
    assert climbed >= gap_of(single_weights(predictions), predictions)
    assert ascend(predictions, [0.5, 0.5, 0])[2] == 0


def test_random_search_is_repeated_by_its_seed_and_no_worse_than_equal_weights():
    predictions = made_members(1.5, 1.5, None, videos=150)
    first, again, other = (random_search(predictions, 40, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    assert gap_of(first, predictions) > gap_of(equal_weights(predictions), predictions)
    assert gap_of(random_search(predictions, 1, 7), predictions) >= gap_of(equal_weights(predictions), predictions)


def test_small_weights_are_nothing():
    assert settled([2, 2, 0.001]).tolist() == [0.5, 0.5, 0]
