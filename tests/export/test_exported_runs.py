import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf
from made_checkpoints import untrained_run
from made_runs import FRAME

from yt8m_distill.errors import InputError
from yt8m_distill.export import exported_runs
from yt8m_distill.export.exported_runs import export_run_litert, export_runs
from yt8m_distill.export.mediapipe import side_by_side
from yt8m_distill.export.model_card import verify_card

STUDENT = dataclasses.replace(FRAME, sampled_frames=5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A student of 5 frames, and a model of all frames."""
    folder = tmp_path_factory.mktemp("runs")
    return [untrained_run(folder / str(spec.sampled_frames), "FrameLevelLogistic", spec) for spec in (STUDENT, FRAME)]


@pytest.fixture(scope="module")
def mediapipe(runs, tmp_path_factory):
    """(folder, Exported) of both runs in the MediaPipe form."""
    folder, more = str(tmp_path_factory.mktemp("exports") / "both"), {"search": {"method": "given"}}
    return folder, export_runs(runs, folder, weights=(0.25, 0.75), form="mediapipe", evaluate=os.listdir, more=more)


def test_an_export_comes_with_its_card(runs, mediapipe):
    folder, exported = mediapipe
    card = verify_card(folder)
    files = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    assert exported.size.total == sum(map(os.path.getsize, files)) == card["bytes"] + os.path.getsize(exported.card)
    assert card["search"] == {"method": "given"}
    assert exported.card == os.path.join(folder, "model_card.json")
    assert [(member["name"], member["weight"]) for member in card["members"]] == [
        ("FrameLevelLogistic_0", 0.25),
        ("FrameLevelLogistic_1", 0.75),
    ]
    assert [member["run"] for member in card["members"]] == [run.directory for run in runs]
    assert card["members"][0]["features"]["sampled_frames"] == 5
    assert card["largest_difference"] == exported.difference
    assert (card["gpu"] is None) == exported.gpu.endswith("none is visible")
    assert "saved_model.pb" in card["evaluation"]
    assert card["signatures"]["serving_default"]["inputs"] == {
        "num_frames": {"dtype": "int32", "shape": [None, 1]},
        "rgb_and_audio": {"dtype": "float32", "shape": [None, None, 24]},
    }
    assert sum(card["bytes_by_kind"].values()) == sum(size for _, size in exported.size.members)


def test_mediapipes_floats_are_answered_as_bytes_are(mediapipe):
    signatures = tf.saved_model.load(mediapipe[0]).signatures
    random = np.random.default_rng(0)
    sizes = {"rgb": 16, "audio": 8}
    videos = {name: tf.constant(random.integers(0, 256, (4, 14, size)), tf.uint8) for name, size in sizes.items()}
    videos["num_frames"] = tf.constant([14, 9, 1, 0])
    fed = side_by_side(videos, FRAME)
    padded = np.array(fed["rgb_and_audio"])
    padded[np.arange(14)[None] >= videos["num_frames"].numpy()[:, None]] = np.nan
    served = signatures["serving_default"](rgb_and_audio=tf.constant(padded), num_frames=fed["num_frames"])
    assert list(served) == ["predictions"]
    np.testing.assert_allclose(served["predictions"], signatures["features"](**videos)["predictions"], atol=1e-6)


@pytest.mark.parametrize("rows", [0, 2])
def test_fewer_frames_than_are_said_to_be_there_are_answered(rows, mediapipe):
    signatures = tf.saved_model.load(mediapipe[0]).signatures
    videos = {name: tf.fill([3, rows, size], tf.constant(9, tf.uint8)) for name, size in (("rgb", 16), ("audio", 8))}
    expected = signatures["features"](**videos, num_frames=tf.constant([rows, rows, 0]))["predictions"]
    given = {**videos, "num_frames": tf.constant([rows, rows + 4, -1])}
    np.testing.assert_array_equal(signatures["features"](**given)["predictions"], expected)
    served = signatures["serving_default"](**side_by_side(given, FRAME))["predictions"]
    np.testing.assert_allclose(served, expected, atol=1e-6)


def test_a_file_for_litert_comes_with_its_card(runs, tmp_path):
    path = str(tmp_path / "student.tflite")
    report, card = export_run_litert(runs[0], path, kind="float16")
    assert sorted(os.listdir(tmp_path)) == ["student.tflite", "student.tflite.json"]
    described = verify_card(path)
    assert card == f"{path}.json"
    assert described["litert"] == dataclasses.asdict(report)
    assert described["bytes"] == report.num_bytes == os.path.getsize(path)
    signature = described["signatures"]["serving_default"]
    assert signature["inputs"]["rgb"] == {"dtype": "uint8", "shape": [1, 5, 16]}
    assert signature["outputs"]["predictions"] == {"dtype": "float32", "shape": [1, 12]}
    json.dumps(described)


def test_without_its_card_nothing_is_written(runs, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(exported_runs, "write_card", fail)
    with pytest.raises(OSError, match="disk full"):
        export_runs(runs[:1], str(tmp_path / "export"))
    with pytest.raises(OSError, match="disk full"):
        export_run_litert(runs[0], str(tmp_path / "a.tflite"))
    assert os.listdir(tmp_path) == []


def test_of_two_forms_both_are_written_or_none(runs, tmp_path):
    path, folder = str(tmp_path / "a.tflite"), str(tmp_path / "export")

    def fail():
        [aside] = os.listdir(tmp_path)
        assert aside.startswith("a.tflite.") and aside.endswith(".partial")
        export_runs(runs[:1], folder, budget_mib=0.001)

    with pytest.raises(InputError, match="over budget"):
        export_run_litert(runs[0], path, also=fail)
    assert os.listdir(tmp_path) == []


def test_a_card_that_appears_during_the_work_stays(runs, tmp_path):
    card = tmp_path / "a.tflite.json"
    with pytest.raises(InputError, match=r"a.tflite.json exists: give another --litert_file, or --overwrite"):
        export_run_litert(runs[0], str(tmp_path / "a.tflite"), kind="float32", also=lambda: card.write_text("mine"))
    assert card.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.tflite.json"]


def test_over_budget_no_card_is_left(runs, tmp_path):
    with pytest.raises(InputError, match="over budget"):
        export_run_litert(runs[0], str(tmp_path / "a.tflite"), budget_mib=0.001)
    assert os.listdir(tmp_path) == []
