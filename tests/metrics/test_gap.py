import time

import numpy as np
import plain
import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.metrics.gap import GlobalAveragePrecision
from yt8m_distill.metrics.top_k import reduce_top_k


def gap(labels, predictions, top_k=20, batches=1, **options):
    metric = GlobalAveragePrecision(top_k)
    for part in zip(np.array_split(labels, batches), np.array_split(predictions, batches), strict=True):
        metric.update_state(*part, **options)
    return metric.result()


@pytest.mark.parametrize("seed, top_k", [(0, 1), (1, 5), (2, 20), (3, 100)])
def test_gap_equals_the_plain_definition(random_case, seed, top_k):
    labels, predictions = random_case(seed)
    assert gap(labels, predictions, top_k) == pytest.approx(plain.gap(labels, predictions, top_k), abs=1e-12)


def test_gap_does_not_depend_on_the_order_of_videos(random_case):
    labels, predictions = random_case(4)
    order = np.random.default_rng(0).permutation(len(labels))
    assert gap(labels[order], predictions[order]) == gap(labels, predictions)


@pytest.mark.parametrize("batches", [2, 7, 40])
def test_gap_does_not_depend_on_the_batches_even_with_ties(random_case, batches):
    labels, predictions = random_case(5)
    tied = np.round(predictions, 1)
    assert gap(labels, tied, batches=batches) == gap(labels, tied)


def test_gap_keeps_its_value_under_a_monotone_transform_of_the_scores(random_case):
    labels, predictions = random_case(6)
    assert gap(labels, 8 * predictions - 4) == gap(labels, predictions)


def test_gap_is_one_when_all_labels_stand_first():
    labels = np.eye(5, 30, dtype=np.float32)
    assert gap(labels, labels) == pytest.approx(1)


def test_gap_is_zero_when_no_label_is_kept_or_there_is_none():
    labels = np.eye(5, 30, dtype=np.float32)
    assert gap(labels, 1 - labels + np.arange(30) / 100) == 0
    assert gap(0 * labels, labels) == 0


def test_gap_counts_positives_outside_the_top_k():
    labels = np.array([[1, 1, 1, 0]])
    assert gap(labels, np.array([[0.9, 0.8, 0.1, 0.2]]), top_k=2) == pytest.approx(2 / 3)


def test_equal_scores_keep_their_order_of_arrival():
    first_right = np.array([[1, 0], [0, 0]])
    tied = np.array([[0.5, 0.1], [0.5, 0.1]])
    assert gap(first_right, tied) == 1
    assert gap(first_right[::-1], tied) == pytest.approx(1 / 2)


def test_gap_of_rated_classes_ignores_the_others(random_case):
    labels, predictions = random_case(7, density=0.5)
    rated = (np.random.default_rng(1).random(labels.shape) < 0.3).astype(np.float32)
    expected = plain.gap(labels, predictions, 4, rated)
    assert gap(labels, predictions, top_k=4, sample_weight=rated) == pytest.approx(expected, abs=1e-12)


def test_reduced_batches_give_the_same_value_as_full_ones(random_case):
    labels, predictions = random_case(8)
    metric = GlobalAveragePrecision(3)
    metric.update_top_k(reduce_top_k(labels, predictions, 3))
    assert metric.result() == gap(labels, predictions, 3)


def test_a_batch_without_videos_changes_nothing(random_case):
    labels, predictions = random_case(9)
    metric = GlobalAveragePrecision()
    metric.update_state(labels, predictions)
    metric.update_state(labels[:0], predictions[:0])
    assert metric.result() == gap(labels, predictions)


def test_reset_state_forgets_everything(random_case):
    labels, predictions = random_case(10)
    metric = GlobalAveragePrecision()
    metric.update_state(labels, 1 - predictions)
    metric.reset_state()
    metric.update_state(labels, predictions)
    assert metric.result() == gap(labels, predictions)


def test_config_rebuilds_the_metric():
    metric = GlobalAveragePrecision.from_config(GlobalAveragePrecision(7, name="gap_at_7").get_config())
    assert (metric.top_k, metric.name) == (7, "gap_at_7")


def test_nan_predictions_are_an_error_that_says_so(random_case):
    labels, predictions = random_case(11)
    predictions[3, 4] = np.nan
    with pytest.raises(InputError, match="1 of 40 videos in a batch hold NaN"):
        gap(labels, predictions)


def test_labels_of_another_shape_are_an_error_that_names_both():
    with pytest.raises(InputError, match=r"\(2, 3\), \(2, 4\)"):
        gap(np.zeros((2, 3)), np.zeros((2, 4)))


def test_top_k_below_one_is_an_error():
    with pytest.raises(InputError, match="top_k is 0"):
        GlobalAveragePrecision(0)


def test_two_hundred_thousand_videos_take_under_a_second():
    generator = np.random.default_rng(0)
    scores = np.sort(generator.random((200_000, 20), np.float32))[:, ::-1]
    template = reduce_top_k(np.zeros((1, 100)), np.zeros((1, 100)))
    reduced = template._replace(
        scores=scores,
        hits=generator.random(scores.shape) < scores,
        classes=np.zeros(scores.shape, np.int32),
        num_labels=np.full(len(scores), 10, np.int32),
    )
    metric = GlobalAveragePrecision()
    start = time.process_time()
    metric.update_top_k(reduced)
    assert 0 < metric.result() <= 1
    assert time.process_time() - start < 1  # measured: 0.2 s
