import numpy as np
import plain
import pytest

from yt8m_distill.metrics.hit_at_one import HitAtOne


def hit_at_one(labels, predictions, batches=1):
    metric = HitAtOne()
    for part in zip(np.array_split(labels, batches), np.array_split(predictions, batches), strict=True):
        metric.update_state(*part)
    return metric.result()


def test_hit_at_one_equals_the_plain_definition_however_it_is_batched(random_case):
    labels, predictions = random_case(0)
    expected = plain.hit_at_one(labels, predictions)
    assert 0 < expected < 1
    assert hit_at_one(labels, predictions) == pytest.approx(expected)
    assert hit_at_one(labels, predictions, batches=7) == hit_at_one(labels, predictions)


def test_the_first_of_equal_scores_decides():
    assert hit_at_one(np.array([[0, 1, 1]]), np.array([[0.1, 0.6, 0.6]])) == 1
    assert hit_at_one(np.array([[0, 0, 1]]), np.array([[0.1, 0.6, 0.6]])) == 0


def test_a_video_without_labels_is_a_miss():
    assert hit_at_one(np.array([[0, 0], [0, 1]]), np.array([[0.4, 0.6], [0.4, 0.6]])) == 0.5


def test_hit_at_one_of_no_video_is_nan():
    assert np.isnan(HitAtOne().result())
