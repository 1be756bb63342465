"""The command that stores soft labels: what it prints, and what it says about flags that do not fit."""

import re

import pytest
from commands import run_commands
from made_runs import VIDEO, make_config, make_videos, run_python, train, video_record, write_shards

from yt8m_distill.distillation.soft_labels import SoftLabels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video-level run and two shards of records."""
    folder = tmp_path_factory.mktemp("soft_labels")
    shards = write_shards(folder, "train", [video_record(video) for video in make_videos(10)], shards=2)
    train(make_config("HiddenLayer_tiny", VIDEO, max_steps=1, ema_decay=0.5), folder / "run", shards)
    return folder


@pytest.fixture(scope="module")
def outcomes(folder):
    """{case: (status, stdout, stderr)}."""
    records, run = f"--input_data_pattern={folder}/*.tfrecord", f"{folder}/run"
    twice = [records, f"--checkpoint={run},{run}/checkpoints/ckpt-1", "--teacher_weights=1,3"]
    lines = {
        "first": [*twice, f"--output_dir={folder}/store", "--top_k=2"],
        "again": [*twice, f"--output_dir={folder}/store", "--top_k=2"],
        "other": [*twice, f"--output_dir={folder}/store", "--top_k=3"],
        "soft": [records, f"--checkpoint={run}", f"--output_dir={folder}/soft", "--temperature=2", "--representation"],
        "ema": [records, f"--checkpoint={run}", f"--output_dir={folder}/ema", "--use_ema"],
        "weights": [*twice[:2], f"--output_dir={folder}/x", "--teacher_weights=1,heavy"],
        "no store": twice,
        "no run": [records, f"--output_dir={folder}/x"],
    }
    return run_commands("tfrecords_tools.soft_labels", lines)


def test_the_command_says_what_the_store_holds(outcomes, folder):
    status, out, err = outcomes["first"]
    assert (status, err) == (0, "")
    assert re.search(r"^teacher +\S+/run/checkpoints/ckpt-1, weight 0.25\n", out)
    assert re.search(r"^videos +10 of 2 shards, 2 of them predicted now$", out, re.MULTILINE)
    assert re.search(r"^bytes +[\d,]+ a video, [\d,]+ in all$", out, re.MULTILINE)
    kept = float(re.search(r"^kept +([\d.]+)% of the sum of all scores, in 2 of 12 classes$", out, re.MULTILINE)[1])
    batch = SoftLabels(folder / "store").batch([video.id.encode() for video in make_videos(10)])
    scores, rest = batch["teacher_scores"].sum(), batch["teacher_rest"].sum()
    assert kept == pytest.approx(100 * scores / (scores + rest), abs=0.01)
    assert batch["teacher_known"].all()


def test_a_second_call_has_nothing_left_to_do(outcomes):
    assert outcomes["again"][0] == 0
    assert outcomes["again"][1] == outcomes["first"][1].replace("2 of them predicted", "0 of them predicted")


def test_all_scores_are_kept_where_they_are_softened(outcomes, folder):
    assert "all scores, in 12 of 12 classes" in outcomes["soft"][1]
    store = SoftLabels(folder / "soft")
    assert (store.settings.top_k, store.settings.temperature, len(store.settings.teachers)) == (0, 2.0, 1)
    assert store.settings.representation_size > 0


def test_the_store_of_averaged_weights_says_so(outcomes, folder):
    assert outcomes["ema"][0] == 0
    [teacher] = SoftLabels(folder / "ema").settings.teachers
    assert teacher.use_ema
    assert not SoftLabels(folder / "soft").settings.teachers[0].use_ema


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("other", "holds soft labels with top_k=2 and these would have top_k=3"),
        ("weights", "--teacher_weights=1,heavy: expected numbers"),
        ("no store", "--output_dir is empty"),
        ("no run", "--checkpoint is empty"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(case, said, outcomes):
    status, out, err = outcomes[case]
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert said in err


def test_the_tool_answers_help():
    process = run_python(["-m", "tfrecords_tools.soft_labels", "--help"])
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("Stores what a trained run") and "--teacher_weights" in process.stdout
