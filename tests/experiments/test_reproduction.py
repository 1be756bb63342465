"""Tables of real runs at quick sizes, from records to text, CSV and picture."""

import csv
import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from made_runs import write_shards

from yt8m_distill.compression.policy import Policy
from yt8m_distill.errors import InputError
from yt8m_distill.experiments import data_sets, plots, record_folders, reproduction
from yt8m_distill.experiments.reproduction import reproduce
from yt8m_distill.experiments.shares import share_of
from yt8m_distill.experiments.size_constrained import ensemble, members
from yt8m_distill.experiments.size_constrained.runs import FAMILIES
from yt8m_distill.experiments.table_names import LEVELS


@pytest.fixture(scope="module")
def audioset(tmp_path_factory):
    """A folder of records like AudioSet's: train/ and eval/, classes 0 to 5 alone."""
    folder, random = tmp_path_factory.mktemp("audioset"), np.random.default_rng(0)
    looks = random.normal(0, 40, (6, 128))
    for split, count, shards in (("train", 64, 1), ("eval", 40, 2)):
        records = [_record(f"{split}{n}", n % 6, looks, random) for n in range(count)]
        write_shards(folder / split, split, records, shards)
    return str(folder)


def _record(name, label, looks, random):
    frames = np.clip(128 + looks[label] + random.normal(0, 30, (10, 128)), 0, 255).astype(np.uint8)
    feature = tf.train.Feature
    context = {
        "video_id": feature(bytes_list=tf.train.BytesList(value=[name.encode()])),
        "labels": feature(int64_list=tf.train.Int64List(value=[label])),
    }
    steps = [feature(bytes_list=tf.train.BytesList(value=[frame.tobytes()])) for frame in frames]
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list={"audio_embedding": tf.train.FeatureList(feature=steps)}),
    ).SerializeToString()


def test_a_table_and_a_figure_share_their_runs(audioset, tmp_path, capsys):
    options = {"seeds": [0], "frames": [2], "quick": True}
    output = str(tmp_path / "out")
    text, paths = reproduce("fewer_frames/3", "audioset", audioset, output, **options)
    made = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("run ")]
    assert made == ["HRNN-all-seed0", "HRNN-serial-rep+pred+CE-k2-seed0"]
    assert "data: AudioSet, real frames (10 a clip); quick sizes, whose figures say nothing" in text
    assert "[undecided within the spread over seeds] At that k the performance is not affected" in text
    assert [os.path.relpath(path, output) for path in paths] == [
        f"audioset-quick/tables/fewer_frames-3.{ending}" for ending in ("txt", "csv", "png")
    ]
    assert pathlib.Path(paths[0]).read_text() == text
    rows = list(csv.DictReader(pathlib.Path(paths[1]).read_text().splitlines()))
    assert [row["row"] for row in rows if row["source"] == "here"] == ["k=2", "Teacher-Skyline"]
    assert float(rows[0]["multiply_adds"]) < float(rows[1]["multiply_adds"])

    text, paths = reproduce("fewer_frames/figure3", "audioset", audioset, output, **options)
    made = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines() if line.startswith("run ")]
    assert made == ["HRNN-uniform-k2-seed0"]
    assert "classes (0, 1, 2, 3, 4), 34 evaluation videos" in text  # those of the sixth class are left out
    assert all(pathlib.Path(path).read_bytes().startswith(b"\x89PNG") for path in paths[2:])


@pytest.mark.tables
@pytest.mark.slow
def test_the_size_constrained_road_starts_from_frames(audioset, tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "frame", ("FVNet",))
    monkeypatch.setattr(members, "_POLICY", Policy(min_elements=100))
    monkeypatch.setattr(ensemble, "_FOLDS", 2)  # of 20 videos
    text, _ = reproduce("size_constrained/4", "audioset", audioset, str(tmp_path), [0], quick=True)
    assert "[holds] One graph answers what the weighted sum of its members answers." in text
    weights = json.loads((tmp_path / "audioset-quick/ensemble/seed0-scores.json").read_text())["result"]["weights"]
    assert [name.partition("-")[0] for name in weights] == ["FVNet1", "FVNet2", "FVNet3"]


@pytest.mark.parametrize(
    ("table", "data", "frames", "message"),
    [
        ("fewer_frames/1", "video_level", [], "needs frame-level records and --data=video_level holds video level"),
        ("multi_teacher/1", "audioset", [], "needs video-level records and --data=audioset holds frame level"),
        ("fewer_frames/1", "audioset", [10], "--frames=10: expected numbers from 1 to 9"),
        ("multi_teacher/1", "video_level", [3], "--frames=3 is for frame-level records: leave it out"),
    ],
)
def test_what_does_not_fit_together_is_said_before_anything_is_trained(
    audioset, tmp_path, table, data, frames, message
):
    with pytest.raises(InputError, match=message):
        reproduce(table, data, audioset, str(tmp_path), frames=frames)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--data_dir is missing"):
        data_sets.open_data_set("audioset", None, str(tmp_path))
    with pytest.raises(InputError, match=r"expected a folder that holds train/ and eval/ or validate/"):
        data_sets.open_data_set("audioset", str(tmp_path), str(tmp_path))


def test_without_matplotlib_there_is_one_clear_line(monkeypatch, audioset, tmp_path):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(plots.importlib, "import_module", absent)
    with pytest.raises(InputError, match=r"tables need matplotlib.*pip install 'yt8m_distill\[reproduce\]'"):
        reproduce("fewer_frames/1", "audioset", audioset, str(tmp_path))


@pytest.mark.parametrize("level", ["frame", "video"])
def test_made_records_are_made_once(level, tmp_path, monkeypatch):
    commands = []

    def run(command, check):
        commands.append(command)
        folder = next(part.partition("=")[2] for part in command if part.startswith("--output_dir="))
        write_shards(folder, "train", [b"record"], 1)
        return type("Finished", (), {"returncode": 0})

    monkeypatch.setattr(record_folders.subprocess, "run", run)
    for _ in range(2):
        data_set = data_sets.open_data_set("synthetic", None, str(tmp_path), level)
    assert [command[2] for command in commands] == ["tfrecords_tools.synthesize"] * 2
    assert all(f"--level={level}" in command for command in commands)
    assert data_set.title.startswith("synthetic: made ")
    assert (data_set.features.level, data_set.features.num_classes) == (level, 100)


def test_frames_are_made_around_the_means_of_video_level_records(tmp_path, monkeypatch):
    for split in ("train", "validate"):
        write_shards(tmp_path / "means" / split, split, [tf.train.Example().SerializeToString()], 1)
    commands = []

    def run(command, check):
        commands.append(command)
        folder = next(part.partition("=")[2] for part in command if part.startswith("--output_dir="))
        write_shards(folder, "shard", [b"record"], 1)
        return type("Finished", (), {"returncode": 0})

    monkeypatch.setattr(record_folders.subprocess, "run", run)
    data_set = data_sets.open_data_set("expanded", str(tmp_path / "means"), str(tmp_path / "out"))
    assert [command[2] for command in commands] == ["tfrecords_tools.expand"] * 2
    assert f"--input_data_pattern={tmp_path}/means/validate/*.tfrecord" in commands[1]
    assert "made frames" in data_set.title
    assert data_set.evaluation == (str(tmp_path / "out/records/expanded/eval/shard0.tfrecord"),)


def test_a_share_of_the_records_is_spread_over_all_of_them(tmp_path):
    shards = write_shards(tmp_path, "train", [f"{n}".encode() for n in range(20)], 8)  # 3 or 2 each
    parts = share_of(shards, 0.3, str(tmp_path / "out"))
    read = [[r.numpy().decode() for r in tf.data.TFRecordDataset(path)] for path in parts]
    assert read == [[], ["3"], ["6"], ["9"], ["13"], [], ["16"], ["19"]]
    stamps = [os.stat(path).st_mtime_ns for path in parts]
    assert share_of(shards, 0.3, str(tmp_path / "out")) == parts
    assert [os.stat(path).st_mtime_ns for path in parts] == stamps
    assert not {*share_of(shards[:2], 0.3, str(tmp_path / "out"))} & {*parts}


def test_records_made_of_something_else_are_not_taken(tmp_path):
    (tmp_path / "train.complete").write_text("expand --input_data_pattern=a")
    with pytest.raises(InputError, match=r"was made by 'expand --input_data_pattern=a', not by 'expand --input.*=b'"):
        record_folders.make_records("expand", str(tmp_path / "train"), "--input_data_pattern=b")


def test_every_table_has_a_name_for_the_flags():
    assert set(LEVELS) == set(reproduction._TABLES)
