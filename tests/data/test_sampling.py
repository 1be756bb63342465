import numpy as np
import pytest

from yt8m_distill.data.sampling import uniform_positions


@pytest.mark.parametrize("max_frames, count", [(300, 30), (300, 1), (7, 30), (5, 5), (300, 299)])
def test_positions_ascend_within_the_video_and_none_comes_twice(max_frames, count):
    table = uniform_positions(max_frames, count)
    assert table.shape == (max_frames + 1, count)
    for length, row in enumerate(table):
        kept = row[row >= 0]
        assert len(kept) == min(length, count)
        assert (row[len(kept) :] == -1).all()
        assert (np.diff(kept) > 0).all()
        assert (kept < max(length, 1)).all()


def test_positions_are_equally_spaced():
    assert uniform_positions(300, 30)[300].tolist() == list(range(0, 300, 10))
    assert uniform_positions(10, 4)[10].tolist() == [0, 2, 5, 7]


def test_a_short_video_is_taken_whole():
    assert uniform_positions(10, 4)[3].tolist() == [0, 1, 2, -1]
