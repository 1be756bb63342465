import numpy as np
import pytest
from made_runs import FRAME, VIDEO

from yt8m_distill.data.records import parse_frames, parse_videos
from yt8m_distill.export.random_videos import as_records, random_videos


def test_records_hold_the_frames_that_there_are():
    videos = random_videos(np.random.default_rng(0), FRAME, 5, 9)
    parsed = parse_frames(as_records(videos, FRAME), FRAME, labelled=False)
    np.testing.assert_array_equal(parsed["num_frames"], videos["num_frames"])
    there = np.arange(9)[None, :, None] < videos["num_frames"][:, None, None]
    for name in FRAME.names:
        rows = np.where(there, videos[name], 0)[:, : max(videos["num_frames"])]
        np.testing.assert_array_equal(parsed[name], rows)


def test_records_of_means_hold_them():
    videos = random_videos(np.random.default_rng(0), VIDEO, 5, 9)
    parsed = parse_videos(as_records(videos, VIDEO), VIDEO, labelled=False)
    assert {name: parsed[name].numpy().tolist() for name in VIDEO.names} == {
        name: values.tolist() for name, values in videos.items()
    }


@pytest.mark.parametrize("spec", [FRAME, VIDEO])
def test_they_are_the_same_from_the_same_seed(spec):
    one, other = (random_videos(np.random.default_rng(3), spec, 2, 4) for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)
