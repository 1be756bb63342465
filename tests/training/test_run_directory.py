import dataclasses
import os
import shutil

import pytest
from made_runs import FRAME, VIDEO, make_config, train

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, Teacher
from yt8m_distill.run_config import load_config, save_config
from yt8m_distill.training.run_directory import prepare


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, video_shards):
    """A run with a checkpoint, which no test may change."""
    directory = tmp_path_factory.mktemp("run")
    train(make_config(num_epochs=1), directory, video_shards)
    return str(directory)


def _fake_run(tmp_path, config):
    prepare(config, str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "metrics.csv").write_text("step\n")
    (tmp_path / "notes.txt").write_text("mine")


def test_a_new_directory_gets_the_config(tmp_path):
    assert prepare(make_config(), str(tmp_path / "a" / "run")) == []
    assert load_config(str(tmp_path / "a" / "run")) == make_config()


def test_the_same_command_resumes(run_dir):
    assert prepare(make_config(num_epochs=1), run_dir) == []


def test_training_numbers_may_change_and_are_listed(run_dir):
    changed = prepare(make_config(num_epochs=9, base_learning_rate=0.5), run_dir)
    assert changed == ["num_epochs: 1 -> 9", "base_learning_rate: 0.01 -> 0.5"]
    assert load_config(run_dir).training.num_epochs == 9
    prepare(make_config(num_epochs=1), run_dir)


def _student(*teachers):
    return dataclasses.replace(make_config(), distillation=Distillation(DistillationParams(), teachers))


@pytest.fixture
def student_dir(run_dir, tmp_path):
    """A run with a checkpoint that says it is a student's."""
    shutil.copytree(run_dir, tmp_path / "student")
    save_config(_student(Teacher("runs/a", "12ab"), Teacher("runs/b", "34cd", 2.0)), str(tmp_path / "student"))
    return str(tmp_path / "student")


def test_a_teacher_may_lie_elsewhere(student_dir):
    moved = _student(Teacher("/moved/a", "12ab"), Teacher("runs/b", "34cd", 2.0))
    assert prepare(moved, student_dir) == ["teachers.0.path: runs/a -> /moved/a"]
    assert load_config(student_dir) == moved


@pytest.mark.parametrize(
    ("teachers", "message"),
    [
        ((Teacher("runs/a", "12ab"), Teacher("runs/b", "ffff", 2.0)), r"teachers\.1\.checksum=34cd and .*=ffff"),
        ((Teacher("runs/a", "12ab"), Teacher("runs/b", "34cd", 3.0)), r"teachers\.1\.weight=2\.0 and .*=3\.0"),
        ((Teacher("runs/a", "12ab"),), r"teachers\.1={.*} and the command says teachers\.1=None"),
    ],
)
def test_other_teachers_are_another_student(teachers, message, student_dir):
    with pytest.raises(InputError, match=message):
        prepare(_student(*teachers), student_dir)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (make_config(batch_size=16), "batch_size=8 and the command says batch_size=16"),
        (make_config(seed=3), "seed=0 and the command says seed=3"),
        (make_config(mixed_precision="mixed_bfloat16"), "mixed_precision=float32 and the command says"),
        (
            make_config(overrides={"num_hidden_units": 8}),
            "num_hidden_units=64 and the command says .*num_hidden_units=8",
        ),
        (make_config("Logistic"), "name=HiddenLayer_tiny and the command says name=Logistic"),
        (make_config("NeXtVLAD_tiny", FRAME), "names=.*mean_rgb.* and the command says names=.*rgb"),
    ],
)
def test_a_mismatch_names_both_values_and_changes_nothing(config, message, run_dir):
    before = load_config(run_dir)
    with pytest.raises(InputError, match=message):
        prepare(config, run_dir)
    assert load_config(run_dir) == before


def test_a_run_without_a_checkpoint_takes_any_config(tmp_path):
    _fake_run(tmp_path, make_config())
    prepare(make_config(batch_size=16, seed=4), str(tmp_path))
    assert load_config(str(tmp_path)).training.batch_size == 16


def test_start_new_model_asks_and_leaves_the_run_where_the_answer_is_no(tmp_path):
    _fake_run(tmp_path, make_config())
    asked = []
    with pytest.raises(InputError, match="left as it is"):
        prepare(make_config(), str(tmp_path), start_new_model=True, confirm=lambda q: asked.append(q))
    assert asked == [f"Delete the run in {tmp_path} and start a new one?"]
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "config.json", "metrics.csv", "notes.txt"]


def test_start_new_model_deletes_only_what_runs_write(tmp_path):
    _fake_run(tmp_path, make_config())
    (tmp_path / "quantization.csv").write_text("name\n")  # had it been quantised, which it may be, too
    config = make_config("Logistic", seed=5)
    assert prepare(config, str(tmp_path), start_new_model=True, confirm=lambda question: True) == []
    assert sorted(os.listdir(tmp_path)) == ["config.json", "notes.txt"]
    assert load_config(str(tmp_path)) == config


def test_start_new_model_does_not_ask_where_there_is_no_run(tmp_path):
    prepare(make_config(), str(tmp_path), start_new_model=True, confirm=lambda question: pytest.fail("asked"))


def test_a_directory_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for start_new_model in (False, True):
        with pytest.raises(InputError, match="not empty and holds no run"):
            prepare(make_config(), str(tmp_path), start_new_model=start_new_model)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_file_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="is a file"):
        prepare(make_config(spec=VIDEO), str(tmp_path / "run"))
