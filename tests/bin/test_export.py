"""The export command: a SavedModel and a LiteRT file of a run, with their cards, and what --verify says of them."""

import json
import os

import pytest
from commands import run_commands
from made_checkpoints import untrained_run
from made_runs import FRAME, frame_record, make_videos, write_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """data*.tfrecord and `run`, a run of FrameLevelLogistic."""
    folder = tmp_path_factory.mktemp("made")
    write_shards(folder, "data", [frame_record(video) for video in make_videos(16)])
    untrained_run(folder / "run", "FrameLevelLogistic", FRAME)
    return folder


@pytest.fixture(scope="module")
def outcomes(folder):
    export, file = str(folder / "export"), str(folder / "a.tflite")
    run = f"--checkpoint={folder / 'run'}"
    data = f"--eval_data_pattern={folder}/data*.tfrecord"
    (folder / "damaged.tflite").write_bytes(b"file")
    (folder / "damaged.tflite.json").write_text('{"files": {"damaged.tflite": {"bytes": 5, "sha256": "ab"}}}')
    (folder / "damaged-not.tflite").write_bytes(b"")
    (folder / "damaged-not.tflite.json").write_text('{"files": {}}')
    (folder / "link").symlink_to("export")
    cases = {
        "both": [run, f"--output_dir={export}", f"--litert_file={file}", data, "--form=mediapipe"],
        "inside": [run, f"--output_dir={export}", "--overwrite", f"--litert_file={folder}/link/a.tflite"],
        "again": [run, f"--litert_file={file}"],
        "folder": [f"--verify={export}"],
        "file": [f"--verify={file}"],
        "none": [f"--verify={folder}"],
        "nothing": [run],
        "no number": [run, f"--output_dir={folder}/nan", "--size_budget_mb=nan"],
        "only": [run, f"--litert_file={folder}/b.tflite", data],
        "damaged": [f"--verify={folder}/damaged.tflite"],
        "no bytes": [f"--verify={folder}/damaged-not.tflite"],
        "one fails": [run, f"--output_dir={folder}/c", f"--litert_file={folder}/c.tflite", "--litert_kind=float16"],
        "not replaced": [run, f"--output_dir={folder}", "--overwrite"],
    }
    # No float16 is near enough.
    return run_commands(
        "yt8m_distill.bin.export",
        cases,
        # TensorFlow is imported before the command says how much it may log.
        "import os; os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3');"
        "from yt8m_distill.export.litert import TOLERANCES; TOLERANCES['float16'] = -1",
    )


def _assert_one_line(outcome, *words):
    status, _, err = outcome
    assert status == 1
    assert len(err.splitlines()) == 1, err
    assert all(word in err for word in words), err


def test_what_is_written_is_said(folder, outcomes):
    status, out, err = outcomes["both"]
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert any("of the budget of" in line for line in lines)
    assert any("on a GPU" in line or "on GPU:0" in line for line in lines)
    assert any(line.startswith("GAP@20") and "16 examples" in line for line in lines)
    assert f"model card: {folder / 'export' / 'model_card.json'}" in lines
    assert any("a.tflite: " in line and "int8, one video a call, 12 frames" in line for line in lines)
    assert f"model card: {folder / 'a.tflite.json'}" in lines


def test_the_card_names_the_data_of_its_metrics(folder, outcomes):
    card = json.loads((folder / "export" / "model_card.json").read_text())
    assert card["evaluation"]["data"] == f"{folder}/data*.tfrecord"
    assert 0 <= card["evaluation"]["gap"] <= 1
    assert set(card["signatures"]["serving_default"]["inputs"]) == {"rgb_and_audio", "num_frames"}


def test_verify_finds_sound_exports_sound_and_damaged_ones_damaged(outcomes):
    for case in ("folder", "file"):
        status, out, _ = outcomes[case]
        assert status == 0
        assert "are as its model card says" in out
    _assert_one_line(outcomes["damaged"], "damaged.tflite is damaged", "Export again")
    _assert_one_line(outcomes["none"], "Expected the card of an export")
    _assert_one_line(outcomes["no bytes"], "is no model card", "it says None")


def test_bad_input_is_one_line(folder, outcomes):
    _assert_one_line(outcomes["again"], "a.tflite exists", "--overwrite")
    _assert_one_line(outcomes["inside"], "--litert_file=", "link/a.tflite lies in --output_dir=", "outside of it")
    _assert_one_line(outcomes["no number"], "--size_budget_mb=nan: expected a number above 0")
    _assert_one_line(outcomes["nothing"], "--output_dir is empty", "--litert_file")
    _assert_one_line(outcomes["only"], "--eval_data_pattern evaluates a SavedModel")
    _assert_one_line(outcomes["one fails"], "choose another --litert_kind. Nothing was written")
    _assert_one_line(outcomes["not replaced"], "exists and holds no model_card.json")
    left = {name for name in os.listdir(folder) if not name.startswith(("data", "damaged"))}
    assert left == {"run", "export", "link", "a.tflite", "a.tflite.json"}
