import numpy as np
import plain
import pytest

from yt8m_distill.metrics.evaluation import EvaluationMetrics
from yt8m_distill.metrics.gap import GlobalAveragePrecision
from yt8m_distill.metrics.hit_at_one import HitAtOne
from yt8m_distill.metrics.mean_average_precision import MeanAveragePrecision
from yt8m_distill.metrics.perr import PrecisionAtEqualRecallRate
from yt8m_distill.metrics.top_k import reduce_top_k


def test_one_pass_gives_what_the_four_metrics_give_alone(random_case):
    labels, predictions = random_case(0)
    group = EvaluationMetrics(5, top_n=3)
    alone = {
        "gap": GlobalAveragePrecision(5),
        "map": MeanAveragePrecision(5, top_n=3),
        "hit_at_1": HitAtOne(5),
        "perr": PrecisionAtEqualRecallRate(5),
    }
    for part in zip(np.array_split(labels, 4), np.array_split(predictions, 4), strict=True):
        for metric in (group, *alone.values()):
            metric.update_state(*part)
    assert group.result() == {name: metric.result() for name, metric in alone.items()}


def test_reduced_batches_of_several_replicas_give_the_same_as_full_ones(random_case):
    labels, predictions = random_case(1)
    full, reduced = EvaluationMetrics(), EvaluationMetrics()
    full.update_state(labels, predictions)
    parts = [reduce_top_k(labels[rows], predictions[rows]) for rows in (slice(0, 9), slice(9, None))]
    joined = [np.concatenate(fields) for fields in zip(*parts, strict=True)]
    reduced.update_top_k(type(parts[0])(*joined))
    assert reduced.result() == full.result()


def test_report_has_the_average_precision_and_the_positives_of_each_class(random_case):
    labels, predictions = random_case(2, density=0.02)
    metrics = EvaluationMetrics()
    metrics.update_state(labels, predictions)
    results, per_class, positives = metrics.report()
    np.testing.assert_array_equal(positives, labels.sum(axis=0))
    np.testing.assert_array_equal(np.isnan(per_class), positives == 0)
    assert results["map"] == pytest.approx(np.nanmean(per_class))


def test_rated_classes_alone_count_at_segment_level(random_case):
    labels, predictions = random_case(3, density=0.5)
    rated = (np.random.default_rng(0).random(labels.shape) < 0.1).astype(np.float32)
    metrics = EvaluationMetrics(30)
    metrics.update_state(labels, predictions, rated)
    results, per_class, positives = metrics.report()
    expected = plain.per_class(labels, predictions, 30, rated=rated)
    np.testing.assert_array_equal(positives, (labels * rated).sum(axis=0))
    np.testing.assert_allclose([per_class[c] for c in expected], list(expected.values()), atol=1e-12)
    assert results["gap"] == pytest.approx(plain.gap(labels, predictions, 30, rated), abs=1e-12)


def test_nothing_seen_is_zero_or_nan():
    results = EvaluationMetrics().result()
    assert results["gap"] == 0
    assert all(np.isnan(results[name]) for name in ("map", "hit_at_1", "perr"))


def test_reset_state_starts_again(random_case):
    labels, predictions = random_case(4)
    metrics = EvaluationMetrics()
    metrics.update_state(labels, predictions)
    first = metrics.result()
    metrics.reset_state()
    metrics.update_state(labels, predictions)
    assert metrics.result() == first
