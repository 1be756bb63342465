"""Sets of shards checked to the last record, and the report about them."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tfrecords_tools import record_bytes, synthetic_set, verification
from tfrecords_tools.synthetic_videos import VideoDrawer
from tfrecords_tools.synthetic_world import World
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

REPO = pathlib.Path(__file__).resolve().parents[2]
SPEC = FeatureSpec(("rgb", "audio"), (8, 2), 25)


@pytest.fixture
def shards(tmp_path):
    """Paths of three clean shards of four videos."""
    videos = VideoDrawer(World(SPEC.names, SPEC.sizes, SPEC.num_classes), length_scale=0.1).draw(12)
    return synthetic_set.write_set(videos, 12, str(tmp_path / "set"), num_shards=3).paths


def cut(path):
    """Takes away the end of a file, in the middle of its last record."""
    path = pathlib.Path(path)
    path.write_bytes(path.read_bytes()[:-7])


def write(path, *labels):
    import tensorflow as tf

    frames = {"rgb": np.zeros((2, 8), np.uint8), "audio": np.zeros((2, 2), np.uint8)}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, label in enumerate(labels):
            context = {"id": b"%d" % number, "labels": np.array([label])}
            writer.write(record_bytes.sequence_example(context, frames))
    return str(path)


def test_a_synthetic_set_is_clean(shards):
    found = verification.verify_shards(shards, SPEC)
    assert found.problems == [] and found.repeated == {}
    text = verification.report_text(found)
    assert "shards    3\n" in text and "records   12\n" in text and text.endswith("problems  none")


def test_every_record_of_every_shard_is_checked(shards):
    cut(shards[1])
    found = verification.verify_shards(shards, FeatureSpec(SPEC.names, SPEC.sizes, 1))
    assert sum(shard.records for shard in found.shards) == 11
    assert (shards[1], 3) in [(path, number) for path, number, _ in found.problems]
    assert {path for path, _, _ in found.problems} == set(shards)


def test_problems_of_a_kind_are_told_together(tmp_path):
    path = write(tmp_path / "a.tfrecord", 3, 99, 98, -1)
    lines = verification.report_text(verification.verify_shards([path], SPEC)).splitlines()
    assert "problems  3 of 2 kinds" in lines
    assert f"  {path}: record 1: label 99 is not in 0..24: see --num_classes. (and 1 more like it)" in lines


def test_at_most_twenty_kinds_are_printed():
    problems = tuple((number, f"kind {'x' * number}") for number in range(25))
    shard = verification.ShardReport("a", 25, 0, 0, 0, 0, -1, (), problems)
    lines = verification.report_text(verification.Verification((shard,), {})).splitlines()
    assert sum("kind x" in line for line in lines) + sum(line.endswith("kind ") for line in lines) == 20
    assert lines[-1] == "  ... and 5 more kinds: see --report."


def test_ids_that_stand_twice_are_told(tmp_path):
    paths = [write(tmp_path / "a.tfrecord", 1, 2), write(tmp_path / "b.tfrecord", 1)]
    found = verification.verify_shards(paths, SPEC)
    assert found.problems == [] and found.repeated == {"0": tuple(paths)}
    assert "1 ids stand in more than one record, such as 0 in a.tfrecord and b.tfrecord" in verification.report_text(
        found
    )


def test_what_is_not_said_is_taken_from_the_first_record(shards):
    spec, taken = verification.expected_spec(shards[0], (), (), 25, None)
    assert spec == SPEC and "frame level, rgb of 8, audio of 2, classes 0..24" in taken
    spec, taken = verification.expected_spec(shards[0], ("audio",), (), 25, "frame")
    assert spec.size_by_name == {"audio": 2} and taken
    assert verification.expected_spec("nowhere", ("rgb",), (8,), 25, "video")[1] is None
    with pytest.raises(InputError, match="there is no such file"):
        verification.expected_spec("nowhere", (), (), 25, None)


def run(*arguments):
    command = [sys.executable, "-m", "tfrecords_tools.verify", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True)


def test_the_command_ends_with_status_0_where_all_is_well(shards):
    done = run(pathlib.Path(shards[0]).parent / "train*", "--num_classes=25")
    assert done.returncode == 0, done.stderr
    assert "Expecting what the first record holds" in done.stdout and "problems  none" in done.stdout


def test_the_command_ends_with_status_1_and_a_table_where_something_is_wrong(shards, tmp_path):
    cut(shards[2])
    flags = [
        "--feature_names=rgb,audio",
        "--feature_sizes=8,4",
        "--frame_features",
        f"--report={tmp_path}/problems.csv",
    ]
    done = run(*shards, *flags)
    assert done.returncode == 1
    assert "problems  12 of 2 kinds" in done.stdout and "Expecting" not in done.stdout
    rows = (tmp_path / "problems.csv").read_text().splitlines()
    assert rows[0] == "shard,record,problem" and len(rows) == 13
    assert rows[1] == f'{shards[0]},0,"audio has 2 bytes a frame, expected 4: see --feature_sizes."'
    assert rows[-1].startswith(f"{shards[2]},3,") and "damaged" in rows[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected TFRecord files or patterns"),
        (["/no/such/file*"], "no file matches"),
        (["x", "--segment_labels", "--noframe_features"], "contradict"),
        (["x", "--feature_sizes=big"], "whole numbers"),
    ],
)
def test_the_command_refuses_what_it_cannot_read(arguments, words):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
