import dataclasses

import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec


@pytest.mark.parametrize(
    "max_frames, sampled_frames, level, limit",
    [(300, 0, "frame", 300), (300, 30, "frame", 30), (10, 30, "frame", 10), (300, 0, "segment", 5)],
)
def test_an_example_has_no_more_frames_than_are_read(max_frames, sampled_frames, level, limit):
    spec = FeatureSpec(level=level, max_frames=max_frames, sampled_frames=sampled_frames)
    assert spec.frame_limit == limit


@pytest.mark.parametrize("level", ["segment", "video"])
def test_only_whole_videos_are_sampled(level):
    with pytest.raises(InputError, match=f"--sampled_frames=30 at {level} level"):
        dataclasses.replace(FeatureSpec(sampled_frames=30), level=level)
