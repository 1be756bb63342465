"""The command that trains students, by every file of flags/distill/."""

import re

import pytest
from commands import run_commands
from made_runs import (
    DATA_FLAGS,
    FRAME,
    REPOSITORY,
    frame_record,
    make_config,
    make_videos,
    run_python,
    train,
    write_shards,
)

from yt8m_distill.run_config import find_run, load_config

_SHORT = ("--batch_size=8", "--max_steps=2", "--log_steps=1")
_BAD = {  # {case: (flags, what is said)}
    "no teacher": ([], "There is no teacher: give --teacher=RUN[,RUN...], --soft_labels=STORE or --parallel."),
    "no run": (["--teacher=nowhere"], "nowhere is no run directory"),
    "negative": (["--parallel", "--representation_weight=-1"], "--representation_weight=-1.0: expected 0 or more."),
    "distance": (["--parallel", "--prediction_distance=cosine"], "--prediction_distance=cosine: expected one of kl,"),
    "teacher": (["--teacher=teacher", "--train_dir=teacher", "--overwrite"], "is a teacher's own directory"),
    "misfit": (
        ["--teacher=teacher", "--lstm_cells=5", "--train_dir=student-serial-k30", "--overwrite"],
        "give --project_representation",
    ),
    "level": (["--teacher=teacher", "--noframe_features"], "--model=HRNN_tiny reads frame-level records and --noframe"),
    "mu": (["--soft_labels=store", "--teacher_weights=1"], "--teacher_weights beside --soft_labels"),
}


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """(directory, {case: (status, stdout, stderr)}): a recurrent teacher, a store, and a student by every flagfile."""
    directory = tmp_path_factory.mktemp("distill")
    shards = write_shards(directory, "train", [frame_record(video) for video in make_videos(20)], 2)
    config = make_config(
        "HRNN_tiny", FRAME, {"lstm_cells": 4, "max_num_frames": 12, "num_inputs_to_lstm": 3}, num_epochs=1
    )
    train(config, directory / "teacher", shards)
    store = ["--checkpoint=teacher", "--input_data_pattern=train*.tfrecord", "--output_dir=store"]
    stored = run_python(["-m", "tfrecords_tools.soft_labels", *(_in(directory, flag) for flag in store)])
    assert (stored.returncode, stored.stderr) == (0, "")
    small = ["--lstm_cells=4", "--max_num_frames=12", "--num_inputs_to_lstm=3", *DATA_FLAGS, "--model=HRNN_tiny"]
    roads = {
        "serial-k30": ["--sampled_frames=5", "--teacher=teacher", "--num_inputs_to_lstm=5"],
        "parallel-k30": ["--sampled_frames=5", *small],
        "soft_labels": ["--soft_labels=store", "--teacher=teacher", *small],
        "multi_teacher": ["--teacher=teacher,teacher", "--teacher_weights=2,1", "--feature_names=rgb"],
    }
    common = ["--train_data_pattern=train*.tfrecord", *_SHORT]
    cases = {
        name: [f"--flagfile=flags/distill/{name}.flags", *road, *common, f"--train_dir=student-{name}"]
        for name, road in roads.items()
    }
    cases["again"] = cases["serial-k30"]
    cases |= {case: ["--train_dir=no", *common, *arguments] for case, (arguments, _) in _BAD.items()}
    cases = {case: [_in(directory, flag) for flag in arguments] for case, arguments in cases.items()}
    return directory, run_commands("yt8m_distill.bin.distill", cases)


def _in(directory, flag):
    """The flag with its paths inside of the directory."""
    name, _, value = flag.partition("=")
    if (
        name not in ("--teacher", "--soft_labels", "--checkpoint", "--train_dir", "--output_dir")
        and "tfrecord" not in value
    ):
        return flag
    return f"{name}={','.join(str(directory / path) for path in value.split(','))}"


def test_every_flagfile_trains_a_student(taught):
    directory, outcomes = taught
    names = sorted(path.stem for path in (REPOSITORY / "flags/distill").glob("*.flags"))
    assert [path.name for path in sorted(directory.glob("student-*"))] == [f"student-{name}" for name in names]
    for name in names:
        status, out, err = outcomes[name]
        assert (status, err) == (0, "")
        assert "finished at step 2" in out


def test_what_went_wrong_deleted_nothing(taught):
    directory, _ = taught
    assert find_run(str(directory / "teacher")).step > 0
    assert find_run(str(directory / "student-serial-k30")).step == 2
    assert not (directory / "no").exists()


def test_a_student_is_of_its_teachers_family_features_and_training(taught):
    directory, _ = taught
    teacher, student = load_config(directory / "teacher"), load_config(directory / "student-serial-k30")
    assert (student.features.sampled_frames, student.features.num_classes) == (5, 12)
    assert student.model.aggregator.lstm_cells == teacher.model.aggregator.lstm_cells
    assert (student.model.aggregator.max_num_frames, student.model.aggregator.num_inputs_to_lstm) == (5, 5)
    assert student.training.shuffle_buffer_size == teacher.training.shuffle_buffer_size
    assert load_config(directory / "student-multi_teacher").features.sizes == (16,)


def test_in_parallel_the_flags_describe_the_teacher(taught):
    directory, _ = taught
    config = load_config(directory / "student-parallel-k30")
    assert config.distillation.joint_teacher.model.aggregator.max_num_frames == 12
    assert config.distillation.joint_teacher.features.sampled_frames == 0
    assert (config.model.aggregator.max_num_frames, config.model.aggregator.num_inputs_to_lstm) == (5, 1)


def test_the_output_and_the_run_name_the_teachers(taught):
    directory, outcomes = taught
    [teacher] = load_config(directory / "student-serial-k30").distillation.teachers
    assert teacher.path == find_run(str(directory / "teacher")).checkpoint
    assert f"teacher {teacher.path}, weight 1, SHA-256 {teacher.checksum[:16]}..." in outcomes["serial-k30"][1]
    assert [t.weight for t in load_config(directory / "student-multi_teacher").distillation.teachers] == [2.0, 1.0]
    assert "0 of 20 videos are not in it" in outcomes["soft_labels"][1]
    by_store = load_config(directory / "student-soft_labels").distillation
    assert (by_store.teachers, by_store.soft_labels.path) == ((), str(directory / "store"))
    assert "ckpt" not in outcomes["soft_labels"][1].split("starts a new run")[0]


def test_the_same_command_goes_on(taught):
    directory, outcomes = taught
    assert f"resumes {directory}/student-serial-k30/checkpoints/ckpt-2 (step 2)" in outcomes["again"][1]


def test_every_part_of_the_loss_is_logged(taught):
    directory, outcomes = taught
    header = (directory / "student-parallel-k30/metrics.csv").read_text().splitlines()[0]
    assert header.endswith("L_CE,L_pred,L_rep,teacher_L_CE")
    assert re.search(r"L_CE \d+\.\d+  L_pred \d+\.\d+  L_rep \d+\.\d+  GAP", outcomes["serial-k30"][1])


@pytest.mark.parametrize(("case", "line"), [(case, line) for case, (_, line) in _BAD.items()])
def test_bad_input_is_one_line(case, line, taught):
    status, out, err = taught[1][case]
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert line in err
