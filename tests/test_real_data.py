"""Short runs on real records, through flags alone. Where the data is absent the tests say so and skip."""

import json
import os
import pathlib

import pytest
from made_runs import REPOSITORY, run_python

DATA = pathlib.Path(os.environ.get("YT8M_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real records in {DATA}; YT8M_SHARED_DATA names another folder"),
]


def results(tmp_path, flagfile, train, evaluate, *flags):
    """What `eval.py` writes about a run of `train.py` that was described by flags alone."""
    run = tmp_path / "run"
    arguments = [f"--flagfile=flags/real/{flagfile}", f"--train_data_pattern={DATA / train}", f"--train_dir={run}"]
    trained = run_python(["train.py", *arguments, *flags], timeout=600)
    assert trained.returncode == 0, trained.stderr
    evaluated = run_python(["eval.py", f"--checkpoint={run}", f"--eval_data_pattern={DATA / evaluate}"])
    assert evaluated.returncode == 0, evaluated.stderr
    (path,) = (run / "eval").glob("*.json")
    return json.loads(path.read_text())


def test_three_epochs_of_the_video_level_recipe(tmp_path):
    train, validate = "yt8m_video_level/train/*.tfrecord", "yt8m_video_level/validate/*.tfrecord"
    found = results(tmp_path, "yt8m_video_level.flags", train, validate, "--num_epochs=3")
    assert found["examples"] == 3425
    assert 0.65 < found["gap"] < 0.70


def test_two_epochs_of_nextvlad_on_audioset(tmp_path):
    found = results(
        tmp_path, "audioset.flags", "audioset/train/*.tfrecord", "audioset/eval/*.tfrecord", "--num_epochs=2"
    )
    assert found["examples"] == 20371
    assert 0.2 < found["map"] < 0.3
    assert 0.3 < found["gap"] < 0.5
