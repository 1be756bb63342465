import made_runs
import pytest


@pytest.fixture(scope="session")
def video_shards(tmp_path_factory):
    """50 video-level records in 3 shards: 6 steps an epoch of 8 videos, 2 left over."""
    records = [made_runs.video_record(video) for video in made_runs.make_videos(50)]
    return made_runs.write_shards(tmp_path_factory.mktemp("videos"), "train", records)


@pytest.fixture(scope="session")
def frame_shards(tmp_path_factory):
    """26 frame-level records in 2 shards: 3 steps an epoch of 8 videos, 2 left over."""
    records = [made_runs.frame_record(video) for video in made_runs.make_videos(26)]
    return made_runs.write_shards(tmp_path_factory.mktemp("frames"), "train", records, shards=2)


@pytest.fixture(scope="session")
def segment_shards(tmp_path_factory):
    """20 segment-level records."""
    records = [made_runs.frame_record(video) for video in made_runs.make_videos(20, rated=True)]
    return made_runs.write_shards(tmp_path_factory.mktemp("segments"), "train", records, shards=2)
