import dataclasses

import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec, union


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


def test_a_sampler_needs_a_number_of_frames():
    with pytest.raises(InputError, match="--frame_sampler=first with --sampled_frames=0"):
        FeatureSpec(frame_sampler="first")
    with pytest.raises(InputError, match="--frame_sampler=best: expected one of uniform, every, random"):
        FeatureSpec(sampled_frames=3, frame_sampler="best")


def test_a_spec_from_before_there_were_samplers_is_read():
    before = {
        "names": ("rgb",),
        "sizes": (4,),
        "num_classes": 3,
        "level": "frame",
        "max_frames": 9,
        "sampled_frames": 2,
    }
    assert FeatureSpec(**before).frame_sampler == "uniform"


K5 = FeatureSpec(("rgb",), (6,), 20, max_frames=10, sampled_frames=5, frame_sampler="middle")


def test_the_union_of_one_is_itself():
    for spec in (FeatureSpec(), K5, FeatureSpec(level="video"), FeatureSpec(level="segment")):
        assert union([spec]) == union([spec, spec]) == spec


def test_a_union_holds_the_features_of_all():
    audio = dataclasses.replace(K5, names=("audio",), sizes=(3,))
    assert union([K5, audio]) == dataclasses.replace(K5, names=("rgb", "audio"), sizes=(6, 3))
    assert union([audio, K5, audio]).size_by_name == {"audio": 3, "rgb": 6}


@pytest.mark.parametrize(
    "other",
    [
        {"sampled_frames": 4},
        {"sampled_frames": 0, "frame_sampler": "uniform"},
        {"frame_sampler": "first"},
        {"max_frames": 12},
        {"max_frames": 8},
    ],
)
def test_a_union_reads_all_frames_unless_all_read_the_same(other):
    other = dataclasses.replace(K5, **other)
    for both in ([K5, other], [other, K5], [K5, K5, other]):
        whole = union(both)
        assert (whole.sampled_frames, whole.frame_sampler) == (0, "uniform")
        assert whole.max_frames == max(10, other.max_frames)


@pytest.mark.parametrize(
    "other, message",
    [
        ({"num_classes": 21}, "num_classes: 20 and 21"),
        ({"level": "video", "sampled_frames": 0, "frame_sampler": "uniform"}, "level: frame and video"),
        ({"sizes": (7,)}, "the size of rgb: 6 and 7"),
    ],
)
def test_what_has_no_union_is_named(other, message):
    with pytest.raises(InputError, match=message):
        union([K5, dataclasses.replace(K5, **other)])
