import numpy as np
import plain
import pytest

from yt8m_distill.metrics import average_precision as module
from yt8m_distill.metrics.average_precision import average_precision, average_precision_per_class, descending_order


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_descending_order_is_stable_for_all_signs(dtype):
    values = [0.5, -0.0, 0.0, -2.0, 0.5, np.inf, -np.inf, 1e-40, -1e-40, 0.0, -2.0]
    scores = np.array(values, dtype)
    np.testing.assert_array_equal(descending_order(scores), np.argsort(-scores, kind="stable"))


def test_descending_order_of_many_random_scores_with_ties():
    scores = np.round(np.random.default_rng(0).normal(size=5000), 2).astype(np.float32)
    np.testing.assert_array_equal(descending_order(scores), np.argsort(-scores, kind="stable"))


def test_average_precision_by_hand():
    assert average_precision([1, 0, 1, 0]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0, 1, 0], num_positives=4) == pytest.approx((1 + 2 / 3) / 4)
    assert average_precision([1, 0, 1, 0], num_positives=4, top_n=2) == pytest.approx(1 / 2)


@pytest.mark.parametrize("hits, total", [([], None), ([], 3), ([0, 0], None), ([0, 0], 5)])
def test_average_precision_is_zero_where_nothing_is_found(hits, total):
    assert average_precision(hits, total) == 0.0


@pytest.mark.parametrize("top_n", [None, 1, 4, 1000])
@pytest.mark.parametrize("num_classes", [1, 7, 300])
def test_per_class_equals_each_class_alone(top_n, num_classes):
    generator = np.random.default_rng(num_classes)
    hits, classes = generator.random(500) < 0.3, generator.integers(0, num_classes, 500)
    positives = np.bincount(classes[hits], minlength=num_classes) + generator.integers(0, 3, num_classes)
    result = average_precision_per_class(hits, classes, positives, top_n)
    for label, total in enumerate(positives):
        entries = [(-rank, hits[rank]) for rank in np.flatnonzero(classes == label)]
        expected = plain.average_precision(entries, total, top_n) if total else np.nan
        np.testing.assert_allclose(result[label], expected, rtol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 499, 500])
@pytest.mark.parametrize("top_n", [None, 4])
def test_per_class_does_not_depend_on_how_many_entries_are_grouped_at_a_time(monkeypatch, chunk, top_n):
    generator = np.random.default_rng(0)
    hits, classes = generator.random(500) < 0.3, generator.integers(0, 20, 500).astype(np.uint8)
    positives = np.bincount(classes[hits], minlength=20) + 1
    whole = average_precision_per_class(hits, classes, positives, top_n)
    monkeypatch.setattr(module, "_CHUNK", chunk)
    np.testing.assert_allclose(average_precision_per_class(hits, classes, positives, top_n), whole, rtol=1e-12)


def test_per_class_of_nothing_is_nan_or_zero():
    result = average_precision_per_class(np.zeros(0, bool), np.zeros(0, np.uint8), np.array([0, 2]))
    np.testing.assert_array_equal(result, [np.nan, 0.0])
