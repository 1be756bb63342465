import numpy as np
import plain
import pytest

from yt8m_distill.metrics.mean_average_precision import MeanAveragePrecision


def measured(labels, predictions, **options):
    metric = MeanAveragePrecision(**options)
    for part in zip(np.array_split(labels, 3), np.array_split(predictions, 3), strict=True):
        metric.update_state(*part)
    return metric


@pytest.mark.parametrize("seed, top_k, top_n", [(0, 3, None), (1, 20, None), (2, 20, 4), (3, 50, 1)])
def test_map_equals_the_plain_definition(random_case, seed, top_k, top_n):
    labels, predictions = random_case(seed)
    metric = measured(labels, predictions, top_k=top_k, top_n=top_n)
    expected = plain.per_class(labels, predictions, top_k, top_n)
    per_class = metric.per_class()
    np.testing.assert_allclose([per_class[c] for c in expected], list(expected.values()), atol=1e-12)
    assert metric.result() == pytest.approx(np.mean(list(expected.values())), abs=1e-12)


def test_classes_without_a_positive_are_left_out_of_the_mean():
    labels = np.array([[1, 0, 0], [1, 0, 0]])
    metric = measured(labels, np.array([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1]]))
    assert metric.result() == pytest.approx(1)
    np.testing.assert_array_equal(np.isnan(metric.per_class()), [False, True, True])


def test_a_class_that_never_enters_the_top_k_scores_zero():
    labels = np.array([[1, 0, 1], [1, 0, 0]])
    metric = measured(labels, np.array([[0.9, 0.5, 0.2], [0.8, 0.3, 0.1]]), top_k=2)
    np.testing.assert_array_equal(metric.per_class(), [1, np.nan, 0])
    assert metric.result() == pytest.approx(1 / 2)


def test_positives_outside_the_top_k_lower_the_class():
    labels = np.array([[1, 0], [1, 0]])
    assert measured(labels, np.array([[0.9, 0.1], [0.2, 0.8]]), top_k=1).result() == pytest.approx(1 / 2)


def test_map_without_any_label_is_nan():
    assert np.isnan(measured(np.zeros((3, 4)), np.ones((3, 4))).result())
    assert np.isnan(MeanAveragePrecision().result())


def test_config_holds_top_n():
    metric = MeanAveragePrecision.from_config(MeanAveragePrecision(5, top_n=9).get_config())
    assert (metric.top_k, metric.top_n, metric.name) == (5, 9, "map")
