"""What a student and its teachers have to have in common, and teachers that see what their students do not."""

import dataclasses

import numpy as np
import pytest
from made_runs import FRAME, SEGMENT, frame_record, make_config, make_videos, write_shards
from made_stores import NUM_CLASSES, write_store

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.data.batches import view
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, JointTeacher, Teacher
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.training.distilling import make_student
from yt8m_distill.training.reference_import import _write_run

DRAWN = dataclasses.replace(FRAME, sampled_frames=3, frame_sampler="random")
EVERY = dataclasses.replace(FRAME, sampled_frames=4, frame_sampler="every")
SMALL = {"lstm_cells": 8, "lstm_layers": 1}
ALONE = {"representation_weight": 0.0}
STATES = ALONE | {"intermediate_weight": 1.0}


def _config(distillation=None, spec=FRAME, cells=8, **training):
    config = make_config("LSTM_tiny", spec, SMALL | {"lstm_cells": cells}, **training)
    return dataclasses.replace(config, distillation=distillation)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """{FeatureSpec: Teacher}, and their records under "shards"."""
    directory = tmp_path_factory.mktemp("teachers")
    shards = write_shards(directory, "train", [frame_record(v) for v in make_videos(20, rated=True)], 2)
    specs = (FRAME, DRAWN, EVERY, SEGMENT)
    made = {spec: _untrained(_config(spec=spec), directory / f"{spec.level}-{spec.frame_sampler}") for spec in specs}
    return {"shards": shards, **made}


def _untrained(config, run_dir):
    _write_run(config, build_model(config.model, config.features, seed=1), 0, str(run_dir))
    prefix = find_run(str(run_dir)).checkpoint
    return Teacher(prefix, checkpoint_checksum(prefix))


def _student(teacher, params, spec=FRAME, cells=8, **training):
    return make_student(_config(Distillation(DistillationParams(**params), (teacher,)), spec, cells, **training))


@pytest.mark.parametrize(
    ("of", "params", "student", "line"),
    [
        (FRAME, STATES, {"cells": 6}, "compares states of 8 numbers .* with those of 6"),
        (FRAME, STATES | {"project_representation": True}, {"cells": 6}, "compares states of 8 numbers"),
        (EVERY, STATES, {}, r"the teacher reads 4 of a video \(every\)"),
        (FRAME, ALONE | {"student_head": "shared"}, {"cells": 6}, "reads 8 numbers and the .* has 6"),
        (FRAME, {}, {"cells": 6}, "a representation of 8 numbers"),
        (FRAME, {"representation_epochs": 3}, {"num_epochs": 3}, "=3 of --num_epochs=3 leave none"),
        (SEGMENT, {}, {"spec": SEGMENT, "label_loss": "HingeLoss"}, "--label_loss=HingeLoss: rated segments"),
    ],
)
def test_what_does_not_fit_is_one_line(of, params, student, line, teachers):
    with pytest.raises(InputError, match=line) as caught:
        _student(teachers[of], params, **student)
    assert "\n" not in str(caught.value)


def test_soft_labels_of_other_classes_are_one_line(tmp_path):
    write_store(tmp_path, {"train0.tfrecord": [b"0000"]})
    store = Teacher(str(tmp_path), SoftLabels(tmp_path).checksum)
    with pytest.raises(InputError, match=f"of {NUM_CLASSES} classes .*: give --num_classes={NUM_CLASSES}"):
        make_student(_config(Distillation(DistillationParams(**ALONE), soft_labels=store)))


@pytest.mark.parametrize("spec", [FRAME, EVERY, dataclasses.replace(DRAWN, sampled_frames=2)])
def test_a_teacher_that_draws_frames_sees_its_own(spec, teachers):
    """Those that it would have drawn had the records been read for it."""
    _, objective = _student(teachers[DRAWN], ALONE, spec)
    options = ReadOptions(batch_size=8)
    batches = read_batches(teachers["shards"], objective.source, options, seed=5, epoch=2)
    batch = next(iter(objective.prepare(batches, 5, 2)))
    own = next(iter(read_batches(teachers["shards"], DRAWN, options, seed=5, epoch=2)))
    model = restore_model(find_run(teachers[DRAWN].path))
    expected = model(view(own, DRAWN, DRAWN))["predictions"]
    np.testing.assert_allclose(objective._targets(batch, objective.source).predictions, expected, atol=1e-6)
    assert np.isfinite(objective(batch).loss).all()


@pytest.mark.parametrize("spec", [DRAWN, EVERY])
def test_states_are_compared_one_by_one_where_both_see_the_same_frames(spec, teachers):
    model, objective = _student(teachers[spec], STATES, spec)
    batch = next(iter(read_batches(teachers["shards"], spec, ReadOptions(batch_size=8), seed=0)))
    seen = view(batch, spec, spec)
    there = restore_model(find_run(teachers[spec].path))(seen, return_states=True)["states"]
    here = model(seen, return_states=True)["states"]
    expected = np.sum((np.asarray(there) - np.asarray(here)) ** 2, axis=(1, 2))  # zero where a row is padding
    np.testing.assert_allclose(objective(batch).parts["L_rep_intermediate"], expected, rtol=1e-5)


def test_the_classifier_of_a_teacher_that_learns_along_is_plugged_in_as_it_is_by_then():
    params = DistillationParams(parallel=True, student_head="copied", representation_epochs=1)
    joint = JointTeacher(registry.model_config("LSTM_tiny", **SMALL), FRAME)
    model, objective = make_student(_config(Distillation(params, joint_teacher=joint)))
    objective.enter_epoch(0, begins=True)
    for weight in objective.teacher.head.weights:
        weight.assign(weight + 1)
    objective.enter_epoch(1, begins=False)  # resumed within the epoch: the student has gone on since
    assert not np.array_equal(model.head.get_weights()[0], objective.teacher.head.get_weights()[0])
    objective.enter_epoch(1, begins=True)
    assert all(map(np.array_equal, model.head.get_weights(), objective.teacher.head.get_weights()))


def test_a_classifier_shared_beside_soft_labels_stays_as_it_is(tmp_path):
    spec = dataclasses.replace(FRAME, num_classes=NUM_CLASSES)
    teacher = _untrained(make_config("LSTM_tiny", spec, SMALL), tmp_path / "teacher")
    write_store(tmp_path / "store", {"few0.tfrecord": [b"0000"]})
    store = Teacher(str(tmp_path / "store"), SoftLabels(tmp_path / "store").checksum)
    params = DistillationParams(student_head="shared", **ALONE)
    distillation = Distillation(params, (teacher,), soft_labels=store)
    model, objective = make_student(_config(distillation, spec))
    assert model.head.weights and not model.head.trainable_weights
    assert len(objective.trainable_variables) == len(model.aggregator.trainable_weights)
