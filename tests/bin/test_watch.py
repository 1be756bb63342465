"""`eval.py`: --watch beside a run, and results that cannot be written."""

import json

import pytest
from commands import run_commands
from made_checkpoints import untrained_run
from made_runs import VIDEO, make_config, make_videos, run_python, train, video_record, write_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("data"), "train", [video_record(video) for video in make_videos(24)], 2)


def test_watch_evaluates_the_newest_checkpoint_once_and_ends_when_nothing_comes(tmp_path, shards):
    train(make_config(spec=VIDEO, save_checkpoint_steps=4), tmp_path / "run", shards)
    watched = run_python(
        [
            "eval.py",
            f"--checkpoint={tmp_path / 'run'}",
            f"--eval_data_pattern={','.join(shards)}",
            "--watch",
            "--watch_seconds=0.1",
            "--watch_timeout=0.5",
        ]
    )
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.count("GAP@20") == 1
    (path,) = (tmp_path / "run/eval").glob("*.json")
    written = json.loads(path.read_text())
    assert written["checkpoint"].endswith(f"ckpt-{path.stem}")
    assert (written["data"], written["level"], written["top_k"]) == (",".join(shards), "video", 20)


@pytest.fixture(scope="module")
def outcomes(shards, tmp_path_factory):
    """(directory, {case: (status, stdout, stderr)})."""
    directory = tmp_path_factory.mktemp("watch")
    untrained_run(directory / "run", "Logistic", VIDEO)
    (directory / "run" / "eval").write_text("a file, where a folder cannot be made")
    (directory / "export").mkdir()
    (directory / "export" / "saved_model.pb").write_text("")
    data = f"--eval_data_pattern={','.join(shards)}"
    watch = [data, "--watch", "--watch_seconds=0.1", "--watch_timeout=0.3"]
    lines = {
        "not begun": [f"--checkpoint={directory}/later", *watch],
        "no average": [f"--checkpoint={directory}/run", "--use_ema", *watch],
        "export": [f"--checkpoint={directory}/export", *watch],
        "unwritable": [f"--checkpoint={directory}/run", data, f"--per_class_csv={directory}/classes.csv"],
    }
    return directory, run_commands("yt8m_distill.bin.evaluate", lines)


def test_watch_waits_for_a_run_that_is_not_there_yet(outcomes):
    status, out, err = outcomes[1]["not begun"]
    assert (status, err) == (0, "")
    assert out.startswith("waiting: ") and out.count("\n") == 1


@pytest.mark.parametrize(
    ("case", "message"), [("no average", "run holds no average"), ("export", "export is an export: leave out --watch")]
)
def test_watch_does_not_wait_for_what_will_never_come(case, message, outcomes):
    status, out, err = outcomes[1][case]
    assert (status, out) == (1, "")
    assert message in err and err.count("\n") == 1


def test_results_that_cannot_be_written_are_printed(outcomes):
    directory, results = outcomes
    status, out, err = results["unwritable"]
    assert status == 1
    assert "GAP@20" in out and "written to" not in out
    assert (directory / "classes.csv").exists()
    assert f"{directory}/run/eval" in err and err.count("\n") == 1
