import numpy as np
import pytest

from yt8m_distill.metrics.segment_map import segment_map

RATINGS = [("a:0", 1, 1), ("a:5", 1, 0), ("b:0", 1, 1), ("b:5", 2, 1), ("c:0", 3, 0)]


def test_unrated_segments_leave_the_list():
    assert segment_map({1: ["x:0", "a:5", "y:5", "a:0", "b:0"]}, RATINGS).per_class == {
        1: pytest.approx((1 / 2 + 2 / 3) / 2)
    }


def test_the_list_is_cut_before_unrated_segments_leave():
    assert segment_map({1: ["x:0", "a:0", "b:0"]}, RATINGS, top_n=2).value == pytest.approx(1 / 2)


def test_a_class_without_a_positive_rating_does_not_count():
    result = segment_map({1: ["a:0", "b:0"], 3: ["c:0"], 9: ["a:0"]}, RATINGS)
    assert result.per_class == {1: 1.0} and result.value == 1.0


def test_a_class_that_was_not_submitted_scores_zero_where_the_classes_are_given():
    result = segment_map({1: ["a:0", "b:0"]}, RATINGS, classes=[1, 2, 3])
    assert result.per_class == {1: 1.0, 2: 0.0} and result.value == 0.5


def test_a_segment_submitted_twice_counts_once():
    assert segment_map({2: ["b:5", "b:5", "b:5"]}, RATINGS).value == 1.0


def test_the_last_rating_of_a_segment_holds():
    assert np.isnan(segment_map({2: ["b:5"]}, [*RATINGS, ("b:5", 2, 0)]).value)


def test_nothing_submitted_is_nan():
    assert np.isnan(segment_map({}, RATINGS).value)
