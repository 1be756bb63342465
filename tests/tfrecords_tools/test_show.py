"""Records of all layouts in words."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tfrecords_tools import record_bytes, synthetic_set
from tfrecords_tools.record_text import read_class_names, record_text
from tfrecords_tools.synthetic_videos import Video, VideoDrawer
from tfrecords_tools.synthetic_world import World
from yt8m_distill.data.record_checks import read_records
from yt8m_distill.errors import InputError

REPO = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("YT8M_SHARED_DATA", REPO.parent / "shared" / "data"))
NAMES = {3: "Concert", 7: "Dance"}


def video(num_frames=75):
    codes = np.zeros((num_frames, 4), np.uint8)
    codes[num_frames // 2 :] = 255
    shown = np.where(np.arange(num_frames) < num_frames // 2, -1, 3)
    return Video("ab12", (3, 5), {"rgb": codes, "audio": np.full((num_frames, 2), 128, np.uint8)}, shown)


def lines(record, names=None):
    """{title: text} of each line."""
    return dict(line.strip().split("  ", 1) for line in record_text(record, names).splitlines() if "  " in line.strip())


def test_a_frame_level_record_in_words():
    found = {title: text.strip() for title, text in lines(synthetic_set.serialize(video()), NAMES).items()}
    assert found["layout"].startswith("frame level (SequenceExample), ")
    assert found["id"] == "ab12 (key id)"
    assert found["labels"] == "2: Concert (3), 5"
    assert found["frames"] == "75 (1:15 at one a second)"
    assert found["rgb"] == "75 x 4 bytes: -1.99 to 2.01, mean 0.034, deviation 2.000, 100.0% at the ends of the range"
    assert found["audio"].startswith("75 x 2 bytes: 0.02 to 0.02, mean 0.016, deviation 0.000, 0.0%")


def test_the_line_over_time_shows_where_a_scene_ends():
    text = record_text(synthetic_set.serialize(video()))
    change = next(line for line in text.splitlines() if "█" in line).split()[1]
    assert len(change) == 60
    assert change.count("█") == 1 and change.count("▁") == 59
    assert change.index("█") == pytest.approx(30, abs=1)


def test_a_video_level_record_in_words():
    found = lines(synthetic_set.serialize(video(), "video"), NAMES)
    assert found["layout"].strip().startswith("video level (Example)")
    assert "4 floats: 0.03 to 0.03" in found["mean_rgb"]
    assert "frames" not in found


def test_rated_segments_in_words():
    text = record_text(synthetic_set.serialize(video(), "segment"), NAMES)
    assert "segment level" in text
    assert "0-5 s: Concert (3) no" in text and "70-75 s: Concert (3) yes" in text


def test_context_features_of_other_sets_are_shown():
    context = {"video_id": b"--4gq", "start_time_seconds": np.array([30], np.float32), "labels": np.array([7])}
    frames = {"audio_embedding": np.zeros((1, 128), np.uint8)}
    text = record_text(record_bytes.sequence_example(context, frames), NAMES)
    assert "--4gq (key video_id)" in text and "1: Dance (7)" in text and "1 x 128 bytes" in text
    assert any(line.split() == ["start_time_seconds", "30"] for line in text.splitlines())


@pytest.mark.parametrize(
    ("context", "frames", "words"),
    [
        ({"labels": np.array([1])}, {"rgb": np.zeros((0, 4), np.uint8)}, ["id", "none", "0 frames without bytes"]),
        ({"id": b"x"}, {"rgb": np.zeros((2, 4), np.uint8)}, ["labels  none", "2 x 4 bytes"]),
    ],
)
def test_what_is_missing_is_said(context, frames, words):
    text = record_text(record_bytes.sequence_example(context, frames))
    assert all(word in text for word in words), text


def test_class_names_are_read_from_either_kind_of_table(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text('Index,TrainVideoCount,Name\n0,12,Game\n7,3,"Dance, modern"\n')
    assert read_class_names(str(path)) == {0: "Game", 7: "Dance, modern"}
    path.write_text('index,mid,display_name\n0,/m/09x0r,"Speech"\n')
    assert read_class_names(str(path)) == {0: "Speech"}


def test_a_table_without_names_is_refused(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("Index\n3\n")
    with pytest.raises(InputError, match="has the columns Index: expected Index and Name"):
        read_class_names(str(path))
    path.write_text("Index,Name\nthree,Dance\n")
    with pytest.raises(InputError, match="no table of classes"):
        read_class_names(str(path))
    with pytest.raises(InputError, match="cannot be read"):
        read_class_names(str(tmp_path / "missing.csv"))


@pytest.mark.parametrize("pattern", ["audioset/eval/*.tfrecord", "yt8m_video_level/validate/*.tfrecord"])
def test_real_records_are_shown(pattern):
    paths = sorted(SHARED.glob(pattern))[:1]
    if not paths:
        pytest.skip(f"no {pattern} in {SHARED}")
    names = read_class_names(str(SHARED / "vocabulary.csv"))
    for _, serialized in read_records(str(paths[0]), 20):
        text = record_text(serialized, names)
        assert "deviation" in text and "(key " in text and "labels" in text


def run(*arguments):
    command = [sys.executable, "-m", "tfrecords_tools.show", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, encoding="utf-8")


def test_the_command_shows_the_records_asked_for(tmp_path):
    videos = list(VideoDrawer(World(("rgb",), (4,), 25), length_scale=0.1).draw(6))
    (path,) = synthetic_set.write_set(videos, 6, str(tmp_path), num_shards=1).paths
    done = run(path, "--skip=2", "--records=2")
    assert done.returncode == 0, done.stderr
    assert [video.id in done.stdout for video in videos] == [False, False, True, True, False, False]
    done = run(path, "--skip=6")
    assert done.returncode == 1 and done.stderr.strip().endswith("holds 6 records: --skip=6 passes over all of them.")


def test_the_command_refuses_a_folder(tmp_path):
    done = run(tmp_path)
    # TensorFlow 2.21 logs a few lines of its own before.
    assert done.returncode == 1 and "it is a directory" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
