"""Runs of experiments: made once, teachers first, taken up where they stopped."""

import concurrent.futures
import dataclasses
import json

import pytest
from made_runs import FRAME, VIDEO, frame_record, make_config, make_videos, video_record, write_shards

from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.errors import InputError
from yt8m_distill.experiments.plans import Plan
from yt8m_distill.experiments.runs import Runner
from yt8m_distill.hyperparameters.distillation import DistillationParams, JointTeacher
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.run_config import load_config, newest_checkpoint, restore_model
from yt8m_distill.training.loop import TrainingLoop

SOFT = DistillationParams(representation_weight=0.0, prediction_distance="cross_entropy")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder, videos = tmp_path_factory.mktemp("records"), make_videos(24)
    writers = {"frame": frame_record, "video": video_record}
    return {level: tuple(write_shards(folder, level, list(map(write, videos)), 2)) for level, write in writers.items()}


def plan(name, shards, model="HiddenLayer_tiny", spec=VIDEO, overrides=None, **fields):
    config = make_config(model, spec, overrides, num_epochs=2)
    return Plan(name, config.model, config.features, config.training, shards[spec.level], **fields)


@pytest.fixture
def attempts(monkeypatch):
    """Names of the run directories that a TrainingLoop was made for."""
    made, original = [], TrainingLoop.__init__

    def counted(self, config, run_dir, *arguments, **options):
        made.append(run_dir.rpartition("/")[2])
        original(self, config, run_dir, *arguments, **options)

    monkeypatch.setattr(TrainingLoop, "__init__", counted)
    return made


def test_a_student_comes_after_its_teachers_and_reads_what_they_predict(
    shards, tmp_path, attempts, capsys, monkeypatch
):
    teachers = plan("t1", shards), plan("t2", shards, overrides={"num_hidden_units": 32})
    student = plan("student", shards, distillation=SOFT, teachers=teachers)
    runner = Runner(str(tmp_path), shards["video"])
    results = runner.run([student])
    assert attempts == ["t1", "t2", "student"] == [one.name for one in results]
    assert all(0 < result["gap"] < 1 and result["steps"] == 6 for result in results.values())
    distillation = load_config(str(tmp_path / "student")).distillation
    assert distillation.teachers == ()  # their classifier is not taken
    store = SoftLabels(distillation.soft_labels.path)
    checkpoints = [newest_checkpoint(str(tmp_path / name)) for name in ("t1", "t2")]
    assert [teacher.path for teacher in store.settings.teachers] == checkpoints
    assert len(store) == 24
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [[f"run {n} of 3", attempts[n - 1]] for n in (1, 2, 3)]
    assert lines[-1].endswith("about 0:00:00 left")

    # A result from before there were averages, read in another folder.
    path = tmp_path / "student/result.json"
    stored = json.loads(path.read_text())
    for part in (stored["made_with"], *stored["made_with"]["teachers"]):
        del part["training"]["ema_decay"], part["training"]["ema_half_life"]
    path.write_text(json.dumps(stored))
    monkeypatch.chdir(tmp_path)
    again = Runner(str(tmp_path), shards["video"]).run([student, *teachers])
    assert again == results
    assert len(attempts) == 3
    longer = dataclasses.replace(student.training, num_epochs=3)
    with pytest.raises(InputError, match="student was made with another training: choose another --output_dir"):
        Runner(str(tmp_path), shards["video"]).run([dataclasses.replace(student, training=longer)])
    with pytest.raises(ValueError, match="Two runs are called student"):
        runner.run([student, dataclasses.replace(student, training=longer)])


def test_a_run_that_was_stopped_goes_on(shards, tmp_path, monkeypatch):
    whole, stopped = Runner(str(tmp_path / "whole"), shards["video"]), Runner(str(tmp_path / "cut"), shards["video"])
    one = plan("one", shards)
    result = whole.run([one])[one]
    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_done", lambda self: self.step >= 4)
        patch.setattr(TrainingLoop, "finished", property(lambda self: False, lambda self, value: None), raising=False)
        with pytest.raises(KeyboardInterrupt):
            stopped.run([one])
    assert "result" not in json.loads((tmp_path / "cut/one/result.json").read_text())
    longer = dataclasses.replace(one, training=dataclasses.replace(one.training, base_learning_rate=1.0))
    with pytest.raises(InputError, match="one was made with another training"):
        stopped.run([longer])
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        found = Runner(str(tmp_path / "cut"), shards["video"], executor).run([one])[one]
    assert {**found, "seconds": 0} == {**result, "seconds": 0}


def test_a_joint_teacher_is_evaluated_beside_its_student_after_every_epoch(shards, tmp_path):
    overrides = {"lstm_cells": 4, "max_num_frames": 12, "num_inputs_to_lstm": 3}
    every = make_config("HRNN_tiny", FRAME, overrides)
    student = plan(
        "parallel",
        shards,
        "HRNN_tiny",
        dataclasses.replace(FRAME, sampled_frames=4),
        {"lstm_cells": 4, "max_num_frames": 4, "num_inputs_to_lstm": 2},
        distillation=DistillationParams(parallel=True, student_head="shared", ground_truth_weight=0.0),
        joint_teacher=JointTeacher(every.model, every.features),
        by_epoch=True,
    )
    runner = Runner(str(tmp_path), shards["frame"][1:])
    result = runner.run([student])[student]
    assert [set(epoch) for epoch in result["epochs"]] == [{"student", "teacher"}] * 2
    assert result["epochs"][-1] == {"student": result["gap"], "teacher": result["teacher_gap"]}
    path = tmp_path / "parallel/result.json"
    stored = json.loads(path.read_text())
    assert stored["result"] == result

    # Stopped behind the last step, before it was evaluated.
    path.write_text(json.dumps({"made_with": stored["made_with"]}))
    assert Runner(str(tmp_path), shards["frame"][1:]).run([student])[student]["epochs"] == result["epochs"]
    del stored["result"]["epochs"]
    path.write_text(json.dumps(stored))
    with pytest.raises(InputError, match="parallel was made without a result of every epoch: delete it"):
        Runner(str(tmp_path), shards["frame"][1:]).run([student])


def test_an_average_goes_on_from_a_finished_run_and_teaches(shards, tmp_path, attempts):
    trained = plan("t", shards)
    averaging = dataclasses.replace(trained.training, base_learning_rate=0.002, num_epochs=1, ema_half_life=2.0)
    averaged = dataclasses.replace(trained, name="t-ema", training=averaging, source=trained)
    student = plan("student", shards, distillation=SOFT, teachers=(averaged,))
    # A student's average goes on with the same targets.
    again = dataclasses.replace(student, name="student-ema", training=averaging, source=student)
    runner = Runner(str(tmp_path), shards["video"])
    results = runner.run([again])
    assert attempts == ["t", "t-ema", "student", "student-ema"]
    assert results[averaged]["gap"] != results[averaged]["last_gap"] != results[trained]["gap"]
    config = load_config(str(tmp_path / "t-ema"))
    assert config.ema_source.path == newest_checkpoint(str(tmp_path / "t"))
    assert runner.finished(averaged).use_ema and not runner.finished(student).use_ema
    store = SoftLabels(load_config(str(tmp_path / "student-ema")).distillation.soft_labels.path)
    assert [(teacher.path, teacher.use_ema) for teacher in store.settings.teachers] == [
        (newest_checkpoint(str(tmp_path / "t-ema")), True)
    ]
    evaluated = evaluate(restore_model(runner.finished(averaged)), VIDEO, shards["video"], progress=False)[0]
    assert evaluated["gap"] == pytest.approx(results[averaged]["gap"], abs=1e-6)
    other = dataclasses.replace(trained, name="u", training=dataclasses.replace(trained.training, seed=7))
    with pytest.raises(InputError, match="t-ema was made with another source"):
        Runner(str(tmp_path), shards["video"]).run([dataclasses.replace(averaged, source=other)])
