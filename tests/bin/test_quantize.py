"""The command that quantises a run: what it prints and writes, and what it refuses."""

import re

import pytest
from commands import run_commands
from made_runs import FRAME, frame_record, make_config, make_videos, train, write_shards

from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.run_config import find_run, load_config, restore_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run and two shards of records."""
    folder = tmp_path_factory.mktemp("quantize")
    shards = write_shards(folder, "train", [frame_record(video) for video in make_videos(24)], shards=2)
    train(make_config("NetVLAD_tiny", FRAME, num_epochs=2), folder / "run", shards)
    return folder


@pytest.fixture(scope="module")
def outcomes(folder):
    """{case: (status, stdout, stderr)}."""
    run, data = f"--checkpoint={folder}/run", f"{folder}/train*.tfrecord"
    small = [run, "--min_elements=100"]
    lines = {
        "8 bits": [*small, f"--output_dir={folder}/8", f"--eval_data_pattern={data}"],
        "again": [*small, f"--output_dir={folder}/8"],
        "over again": [*small, f"--output_dir={folder}/8", "--overwrite", f"--eval_data_pattern={data}"],
        "rules": [*small, f"--output_dir={folder}/rules", "--quantize_rules=head/=float16,hidden=kmeans4"],
        "mixed": [*small, f"--output_dir={folder}/mixed", "--mix_to_fit", "--size_budget_mb=0.05"]
        + [f"--calibration_data_pattern={data}", "--calibration_examples=9"],
        "over budget": [*small, f"--output_dir={folder}/x", "--size_budget_mb=0.001"],
        "no number": [*small, f"--output_dir={folder}/x", "--size_budget_mb=nan"],
        "the run itself": [*small, f"--output_dir={folder}/run", "--overwrite"],
        "twice": [f"--checkpoint={folder}/8", f"--output_dir={folder}/x"],
        "no calibration": [*small, f"--output_dir={folder}/x", "--mix_to_fit", "--size_budget_mb=1"],
        "no output": small,
        "no average": [*small, f"--output_dir={folder}/x", "--use_ema"],
    }
    return run_commands("yt8m_distill.bin.quantize", lines)


def test_it_prints_every_large_weight_and_what_the_metrics_became(outcomes, folder):
    status, out, err = outcomes["8 bits"]
    assert (status, err) == (0, "")
    settings = load_config(str(folder / "8")).origin.settings
    rows = re.findall(r"^  uniform +([\d.]+) +([\d.]+) +\S+ +\S+%  (\S+) ", out, re.MULTILINE)
    assert len(rows) >= 4
    total = re.search(r"^  all +([\d.]+) +([\d.]+) +([\d.]+)% of before$", out, re.MULTILINE)
    assert float(total[2]) == pytest.approx(settings["bytes"] / 1e6, abs=1e-3)
    before, after = re.search(r"^  GAP@20 +(\S+) +(\S+) +[+-]0.0\d+$", out, re.MULTILINE).groups()
    assert float(before) == pytest.approx(settings["before"]["gap"], abs=1e-5)
    assert float(after) == pytest.approx(settings["after"]["gap"], abs=1e-5)
    assert out.endswith(f"written to {folder}/8\n")


def test_what_was_made_gives_way_only_when_asked(outcomes, folder):
    assert outcomes["again"][0] == 1
    assert outcomes["again"][2] == (
        f"commands.py: {folder}/8 is there already: give another --output_dir, or --overwrite.\n"
    )
    assert outcomes["over again"][:2] == outcomes["8 bits"][:2]


def test_rules_go_by_names(outcomes):
    out = outcomes["rules"][1]
    methods = {name: method for method, name in re.findall(r"^  (\S+) .*%  (\S+) ", out, re.MULTILINE)}
    assert {methods[name] for name in methods if name.startswith("head/")} == {"float16"}
    assert {methods[name] for name in methods if "hidden" in name} == {"kmeans4"}
    assert "uniform" in methods.values()


def test_a_mix_fits_its_budget(outcomes, folder):
    status, out, err = outcomes["mixed"]
    assert (status, err) == (0, "")
    assert load_config(str(folder / "mixed")).origin.settings["bytes"] <= 0.05 * 2**20
    chosen = set(re.findall(r"^ +-?\d\.\d+e\S+ +\S+  \S+ +(\S+) +\S+$", out, re.MULTILINE))
    assert "uniform" in chosen and chosen & {"kmeans4", "per_channel4"}


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            "over budget",
            r"over budget: \d+,\d+ bytes of weights and --size_budget_mb=0.001 means 1,048 bytes\. The largest",
        ),
        ("no number", "--size_budget_mb=nan: expected a number above 0."),
        ("the run itself", "run is, or holds, .*run, which is read: give another --output_dir."),
        ("twice", "8 is quantised, .*: quantise the run that it was made from instead, .*run/checkpoints/ckpt-6."),
        ("no calibration", "--mix_to_fit needs --size_budget_mb, and --calibration_data_pattern"),
        ("no output", "--output_dir is empty"),
        ("no average", "run holds no average of its weights"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(outcomes, folder, case, message):
    status, _, err = outcomes[case]
    assert status == 1
    assert re.search(message, err) and err.count("\n") == 1
    assert not (folder / "x").exists() and not list(folder.glob("*.partial"))


def test_what_was_made_evaluates_as_it_was_said(outcomes, folder):
    assert outcomes["8 bits"][0] == 0
    run = find_run(str(folder / "8"))
    shards = sorted(map(str, folder.glob("train*.tfrecord")))
    results, _ = evaluate(restore_model(run), run.config.features, shards)
    assert results == run.config.origin.settings["after"]
