"""The commands that average weights, and those that take the average."""

import json
import re

import pytest
from commands import run_commands
from made_runs import REPOSITORY, make_config, make_videos, train, video_record, write_shards

from yt8m_distill.run_config import find_run, load_config

_PAPER = f"{REPOSITORY}/flags/average/paper.flags"
_TRAIN = {  # {case: (flags, what is said)}
    "nothing to average": (["--ema_source=run"], "say how, with --ema_half_life=2000 (steps) or --ema_decay"),
    "own directory": (["--ema_source=run", "--train_dir=run"], "is the directory of --ema_source"),
    "own directory, from within": (
        ["--ema_source=checkpoints/ckpt-12", "--train_dir=.", "--ema_half_life=3", "--overwrite"],
        "--train_dir=. is the directory of --ema_source",
    ),
    "other model": (
        ["--ema_source=run", "--num_hidden_units=65"],
        "was trained with num_hidden_units=64 and the command says num_hidden_units=65",
    ),
    "other family": (
        ["--ema_source=run", "--model=Logistic"],
        "model=HiddenLayer_tiny and the command says model=Logi",
    ),
    "other level": (["--ema_source=run", "--frame_features"], "--model=HiddenLayer_tiny reads video-level records"),
    "other data": (["--ema_source=run", "--num_classes=13"], "num_classes=12 and the command says num_classes=13"),
    "both": (["--ema_source=run", "--ema_decay=0.5", "--ema_half_life=3"], "give one of them"),
    "no run": (["--ema_source=nowhere"], "nowhere is no run directory"),
}
_AVERAGE = {
    "quiet": ([], "--checkpoint is empty"),
    "too many": (["--checkpoint=run", "--last=9"], "--last=9 and {}/run holds 4 checkpoints up to step 12: give"),
    "of which": (["--checkpoint=run,run", "--last=2"], "--last=2 and 2 checkpoints"),
    "no average": (["--checkpoint=run", "--use_ema"], "holds no average of its weights"),
    "itself": (["--checkpoint=run", "--output_dir=run", "--overwrite"], "is, or holds, {}/run, which is read"),
    "trained": (["--checkpoint=run-ema", "--output_dir=run", "--overwrite"], "is a run that was trained"),
}


def _in(directory, flag):
    """The flag with its file or folder under `directory`."""
    return re.sub(r"(?<=[=,])(?=run|swa|nowhere|train\*)", f"{directory}/", flag)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """(directory, {case: (status, stdout, stderr)}) of both commands."""
    directory = tmp_path_factory.mktemp("average")
    shards = write_shards(directory, "train", [video_record(video) for video in make_videos(50)])
    config = make_config(overrides={"hidden_batch_norm": True}, num_epochs=2, save_checkpoint_steps=3)
    train(config, directory / "run", shards)
    data, evaluation = "--train_data_pattern=train*.tfrecord", "--eval_data_pattern=train*.tfrecord"
    paper = [f"--flagfile={_PAPER}", "--ema_source=run", data]
    cases = {name: [*flags, data] for name, (flags, _) in _TRAIN.items()}
    cases["paper"] = [*paper, "--max_steps=5"]
    # From within the source: another name for it, and RUN-ema all the same.
    here = [f"--flagfile={_PAPER}", "--ema_source=checkpoints/ckpt-12", data]
    cases["again"] = [*here, evaluation, "--max_steps=8", "--base_learning_rate=0.5"]
    cases["gone"] = [f"--flagfile={_PAPER}", "--ema_source=nowhere", data, "--train_dir=run-ema", "--max_steps=8"]
    swa = {name: ["--output_dir=swa-bad", *flags] for name, (flags, _) in _AVERAGE.items()}
    swa["last"] = ["--checkpoint=run", "--last=2", "--output_dir=swa"]
    swa["last of"] = ["--checkpoint=run/checkpoints/ckpt-9", "--last=2", "--output_dir=swa-of"]
    swa["anew"] = ["--checkpoint=run/checkpoints/ckpt-9,run", "--output_dir=swa-anew"]
    swa["anew"] += ["--batch_norm_data_pattern=train*.tfrecord", "--batch_size=8"]
    swa["ema"] = ["--checkpoint=run-ema", "--use_EMA", "--output_dir=swa-ema"]
    results = {}
    for module, lines in (("train", cases), ("average", swa)):
        lines = {name: [_in(directory, flag) for flag in line] for name, line in lines.items()}
        results |= run_commands(f"yt8m_distill.bin.{module}", lines, f"os.chdir({str(directory / 'run')!r})")
    return directory, results


@pytest.mark.parametrize("case", [*_TRAIN, *_AVERAGE])
def test_bad_input_is_one_clear_line(case, outcomes):
    directory, results = outcomes
    status, _, err = results[case]
    assert status == 1
    assert err.count("\n") == 1
    assert {**_TRAIN, **_AVERAGE}[case][1].replace("{}", str(directory)) in err
    assert not (directory / "swa-bad").exists()


def test_the_papers_averaging_starts_from_a_finished_run(outcomes):
    directory, results = outcomes
    status, out, err = results["paper"]
    assert (status, err) == (0, "")
    assert f"averages {directory}/run/checkpoints/ckpt-12, learning rate 0.002, decay 0.999667 a step" in out
    run = find_run(str(directory / "run-ema"))
    training = run.config.training
    assert (training.num_epochs, training.batch_size, training.ema_decay) == (2, 8, 1 - 1 / 3000)
    assert run.config.model == find_run(str(directory / "run")).config.model
    assert run.config.ema_source.path == f"{directory}/run/checkpoints/ckpt-12"


def test_the_same_command_goes_on_with_its_own_numbers(outcomes):
    directory, results = outcomes
    status, out, err = results["again"]
    assert (status, err) == (0, "")
    assert "changed since the run was started: base_learning_rate: 0.002 -> 0.5" in out
    assert "(step 5)" in out and "finished at step 8" in out
    assert (directory / "run-ema/eval/8-ema.json").exists()


def test_a_run_goes_on_where_its_source_is_gone(outcomes):
    directory, results = outcomes
    status, out, err = results["gone"]
    assert (status, err) == (0, "")
    assert f"averages {directory}/run/checkpoints/ckpt-12" in out and "finished at step 8" in out


def test_the_mean_of_checkpoints_is_a_run(outcomes):
    directory, results = outcomes
    for case, name in (("last", "swa"), ("anew", "swa-anew")):
        status, out, err = results[case]
        assert (status, err) == (0, ""), case
        assert f"{directory}/{name}: the mean of 2, step 12" in out
    origin = load_config(str(directory / "swa")).origin
    assert [source.path for source in origin.sources] == [f"{directory}/run/checkpoints/ckpt-{n}" for n in (9, 12)]
    sources = load_config(str(directory / "swa-of")).origin.sources
    assert [source.path for source in sources] == [f"{directory}/run/checkpoints/ckpt-{n}" for n in (6, 9)]
    anew = load_config(str(directory / "swa-anew")).origin
    assert anew.sources == origin.sources
    assert anew.settings["batch_norm_examples"] == 50, "what was read, not what was asked for"
    assert results["ema"][0] == 0
    assert load_config(str(directory / "swa-ema")).origin.sources[0].use_ema


def test_evaluation_takes_the_average(outcomes):
    directory, _ = outcomes
    before, plain = (json.loads((directory / "run-ema/eval" / name).read_text()) for name in ("8-ema.json", "8.json"))
    line = [f"--checkpoint={directory}/run-ema", "--use_ema", f"--eval_data_pattern={directory}/train*.tfrecord"]
    [(status, out, _)] = run_commands("yt8m_distill.bin.evaluate", {"average": line}).values()
    assert status == 0
    assert "step 8, averaged weights" in out
    now = json.loads((directory / "run-ema/eval/8-ema.json").read_text())
    assert now["checkpoint"].endswith("ckpt-8")
    assert now["loss"] == pytest.approx(before["loss"], 1e-5)
    assert abs(now["loss"] / plain["loss"] - 1) > 1e-3
