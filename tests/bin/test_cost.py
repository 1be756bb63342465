"""The cost command: its tables, its CSV, and what it says about flags that do not fit."""

import csv
import re

import pytest
from commands import run_commands
from made_runs import FRAME, frame_record, make_config, make_videos, train, write_shards

# Few of them: each takes up to a second.
_MODELS = """
from yt8m_distill.hyperparameters import registry
registry.names = lambda: ["DBoF_tiny", "Logistic", "NeXtVLAD"]
"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of FrameLevelLogistic on rgb of 16 and audio of 8 bytes, 12 classes, with a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    shards = write_shards(folder, "train", [frame_record(video) for video in make_videos(8)], shards=1)
    train(make_config("FrameLevelLogistic", FRAME, max_steps=1), folder / "run", shards)
    return folder / "run"


@pytest.fixture(scope="module")
def outcomes(run_dir):
    """{case: (status, stdout, stderr)}."""
    (run_dir / "empty.txt").write_text("\n")
    eigenvalues = run_dir / "three.txt"
    eigenvalues.write_text("3 2 1")
    lines = {
        "one": ["--model=NeXtVLAD_tiny", "--num_frames=300,30", f"--output_csv={run_dir}/one.csv"],
        "several": ["--models=Logistic, NeXtVLAD_tiny", "--num_frames=300", f"--output_csv={run_dir}/several.csv"],
        "all": ["--model=all", "--feature_sizes=51,24", "--num_classes=5", "--max_frames=3"],
        "default": ["--model=FrameLevelLogistic", "--max_frames=7", "--num_classes=5"],
        "run": [f"--checkpoint={run_dir}"],
        "both": [f"--checkpoint={run_dir}", "--model=NeXtVLAD_tiny"],
        "frames": ["--num_frames=30,0"],
        "digits": ["--num_frames=\u00b2"],
        "records": ["--model=all", "--frame_features", "--feature_sizes=51,24", "--num_classes=5", "--max_frames=3"],
        "misfit": ["--model=all", "--feature_sizes=51,24,7"],
        "eigenvalues": ["--model=all", f"--pca_eigenvalues={eigenvalues}"],
        "empty": [f"--pca_eigenvalues={run_dir}/empty.txt"],
        "unknown": ["--models=Logistic,NeXtVLAT"],
        "folder": ["--model=Logistic", f"--output_csv={run_dir}/no/cost.csv"],
    }
    return run_commands("yt8m_distill.bin.cost", lines, _MODELS)


def _cells(line):
    return [int(cell.replace(",", "")) for cell in line.split() if cell.replace(",", "").isdigit()]


def _line(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_one_model_layer_by_layer(outcomes):
    status, out, _ = outcomes["one"]
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("NeXtVLAD_tiny: ") and " MB = " in lines[0] and " MiB" in lines[0]
    assert " ".join(lines[3].split()) == "layer trainable other weights 300 frames 30 frames of them per video"
    expand = 1024 * 2048
    assert _cells(_line(out, "aggregator/rgb_vlad/expand ")) == [expand + 2048, 0, 300 * expand, 30 * expand, 0]
    total, grows, per_frame = (_cells(_line(out, start)) for start in ("total", "  grows", "  per frame"))
    assert grows == [total[2] - total[4], total[3] - total[4]]
    assert per_frame == [grows[0] // 300] * 2


def test_several_models_one_a_line(outcomes):
    status, out, _ = outcomes["several"]
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["Logistic", "NeXtVLAD_tiny"]
    cells = _line(out, "Logistic").split()
    assert cells == ["Logistic", "4,452,886", "0", "17.8", "17.0", "4.3", "4,449,024", "4,449,024"]


def test_all_models_are_those_that_can_read_the_features(outcomes):
    status, out, _ = outcomes["all"]
    assert status == 0
    assert re.findall(r"^left out: (\w+): ", out, re.MULTILINE) == ["NeXtVLAD"]
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["DBoF_tiny", "Logistic"]


def test_the_csv_holds_every_layer_and_the_sums(outcomes, run_dir):
    for name, models in (("one", ["NeXtVLAD_tiny"]), ("several", ["Logistic", "NeXtVLAD_tiny"])):
        assert outcomes[name][0] == 0
        with open(run_dir / f"{name}.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert list(dict.fromkeys(row["model"] for row in rows)) == models
        for model in models:
            *layers, total = [row for row in rows if row["model"] == model]
            assert total["layer"] == "total"
            for column in ("trainable", "non_trainable", "bytes", "multiply_adds_300", "multiply_adds_per_video"):
                assert int(total[column]) == sum(int(layer[column]) for layer in layers)
            assert int(total["bytes"]) == 4 * (int(total["trainable"]) + int(total["non_trainable"]))


def test_all_models_are_those_of_the_level_described(outcomes):
    status, out, _ = outcomes["records"]
    assert status == 0
    assert "left out: Logistic: --model=Logistic reads video-level records" in out
    assert _line(out, "DBoF_tiny")


def test_features_that_no_model_can_read_are_an_error(outcomes):
    status, _, err = outcomes["eigenvalues"]
    assert status == 1
    assert "--pca_eigenvalues holds 3 numbers" in err and len(err.splitlines()) == 1


def test_without_num_frames_a_video_is_as_long_as_can_be(outcomes):
    status, out, _ = outcomes["default"]
    assert status == 0
    assert "  7 frames  " in out
    assert _cells(_line(out, "total")) == [1152 * 5 + 5, 0, 7 * 1152 + 1152 * 5, 1152 * 5]


def test_a_run_says_what_its_model_is(outcomes):
    status, out, _ = outcomes["run"]
    assert status == 0
    assert "  12 frames  " in out
    assert _cells(_line(out, "total")) == [24 * 12 + 12, 0, 12 * 24 + 24 * 12, 24 * 12]


@pytest.mark.parametrize(
    "case, words",
    [
        ("both", "--model and --checkpoint"),
        ("frames", "--num_frames=30,0: expected numbers of at least 1"),
        ("digits", "--num_frames=\u00b2: expected numbers of at least 1"),
        ("misfit", "feature_sizes"),
        ("empty", "empty.txt is empty"),
        ("unknown", "Did you mean NeXtVLAD?"),
        ("folder", "no/cost.csv cannot be written"),
    ],
)
def test_bad_input_is_one_line(outcomes, case, words):
    status, out, err = outcomes[case]
    assert status == 1
    assert out == ""
    assert len(err.splitlines()) == 1 and words in err
