"""Every flagfile says what it is for, and its twin in flags/smoke/ goes the whole road."""

import dataclasses
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_runs import DATA_FLAGS, FRAME, REPOSITORY, frame_record, make_videos, run_python, video_record, write_shards

from yt8m_distill.export.members import member_of
from yt8m_distill.export.saved_model import export_members
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.spec import FeatureSpec

FLAGS = REPOSITORY / "flags"
MODELS = [name for name in registry.names() if not name.endswith("_tiny")]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """{level: paths of two shards with 24 videos}."""
    directory = tmp_path_factory.mktemp("shards")
    videos = make_videos(24)
    writers = {"frame": frame_record, "video": video_record}
    return {level: write_shards(directory, level, [write(v) for v in videos], 2) for level, write in writers.items()}


@pytest.fixture(scope="module")
def twins(request, shards, tmp_path_factory):
    """{model: (its future training process, its run directory)} of the models tested, as many at a time as cores."""
    directory = tmp_path_factory.mktemp("twins")
    asked = {item.callspec.params["model"] for item in request.session.items if "twins" in item.fixturenames}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        training = {model: pool.submit(_train_twin, model, shards, directory) for model in MODELS if model in asked}
        yield {model: (process, directory / model) for model, process in training.items()}


def _train_twin(model, shards, directory):
    files = shards[registry.model_config(model).level]
    return run_python(
        [
            "train.py",
            f"--flagfile=flags/smoke/{model}.flags",
            f"--train_data_pattern={','.join(files)}",
            f"--eval_data_pattern={files[0]}",
            f"--train_dir={directory / model}",
            *DATA_FLAGS,
        ]
    )


@pytest.mark.parametrize("folder", ["models", "smoke"])
def test_every_model_has_a_flagfile(folder):
    assert sorted(path.stem for path in (FLAGS / folder).glob("*.flags")) == sorted(MODELS)


@pytest.mark.parametrize("path", sorted(FLAGS.rglob("*.flags")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_flagfile_opens_with_its_command_its_purpose_and_its_time(path):
    comments = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert re.match(r"# (make|python) ", comments)
    assert re.search(r"^# (Reproduces|Makes|Reads)", comments, re.MULTILINE)
    assert re.search(r"^# Time: ", comments, re.MULTILINE)
    assert "TIME" not in comments  # where a measurement is to go
    assert max(map(len, path.read_text().splitlines())) <= 140


@pytest.mark.parametrize("model", MODELS)
def test_the_smoke_twin_trains_evaluates_and_exports(model, shards, twins, tmp_path):
    files = shards[registry.model_config(model).level]
    training, run_dir = twins[model]
    train = training.result()
    assert (train.returncode, train.stderr) == (0, "")
    assert json.loads((run_dir / "eval/3.json").read_text())["examples"] == 12
    run = find_run(str(run_dir))
    assert (run.step, run.config.model.name) == (3, model)
    spec, trained = run.config.features, restore_model(run)
    results, _ = evaluate(trained, spec, files, progress=False)
    assert results["examples"] == 24
    report, difference = export_members([member_of(run)], str(tmp_path / "export"))
    assert report.fits
    assert difference < 1e-5


@pytest.mark.parametrize("model", MODELS)
def test_the_flagfile_of_a_model_builds_it(model):
    values = dict(re.findall(r"^--(\w+)=(.*)$", (FLAGS / "models" / f"{model}.flags").read_text(), re.MULTILINE))
    assert values.pop("model") == model
    known = registry.all_fields()
    others = {field.name for kind in (TrainingParams, FeatureSpec) for field in dataclasses.fields(kind)}
    assert not values.keys() - known.keys() - others
    overrides = {key: json.loads(value) for key, value in values.items() if key in known and known[key].type is not str}
    assert registry.model_config(model, **overrides).name == model


def test_max_frames_of_the_tests_cuts_some_videos():
    assert max(len(video.frames) for video in make_videos(24)) > FRAME.max_frames
