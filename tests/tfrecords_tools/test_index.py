"""Shards indexed beforehand, and videos found in them."""

import pathlib
import subprocess
import sys

import pytest

from tfrecords_tools import synthetic_set
from tfrecords_tools.synthetic_videos import VideoDrawer
from tfrecords_tools.synthetic_world import World
from yt8m_distill.data.record_checks import read_records
from yt8m_distill.data.record_description import describe_record

REPO = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Paths of two shards of six videos in all."""
    videos = VideoDrawer(World(("rgb", "audio"), (8, 2), 25), length_scale=0.1).draw(6)
    return synthetic_set.write_set(videos, 6, str(tmp_path_factory.mktemp("set")), num_shards=2).paths


def run(*arguments):
    command = [sys.executable, "-m", "tfrecords_tools.index", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True)


def test_shards_are_indexed(shards):
    done = run(*shards)
    assert done.returncode == 0, done.stderr
    assert "shards    2\n" in done.stdout and "6, 6 of them indexed" in done.stdout


def test_a_video_is_found_by_its_id(shards):
    records = list(read_records(shards[1]))
    wanted = describe_record(records[2][1]).id
    done = run(*shards, f"--video_id={wanted}")
    assert done.returncode == 0 and done.stdout.startswith(f"{shards[1]}: record 2: "), done.stderr


def test_an_id_that_is_nowhere_and_files_that_have_no_index_end_in_one_line(shards, tmp_path):
    (tmp_path / "packed.gz").write_bytes(b"")
    for arguments, reason in (
        ((*shards, "--video_id=none"), "--video_id=none stands in none of the 2 files."),
        ((tmp_path / "packed.gz",), "is remote or compressed"),
        ((), "expected TFRecord files or patterns"),
    ):
        done = run(*arguments)
        assert done.returncode == 1 and done.stdout == ""
        assert reason in done.stderr and done.stderr.count("\n") == 1
