"""Students, however they are taught: who gets gradients, what the loss is, and that a run is one like any other."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from made_runs import FRAME, assert_same_run, make_config, rows, train

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.data.batches import multi_hot, positions_key, view
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.distillation.losses import prediction_loss, representation_loss
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, JointTeacher, Teacher
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.losses import cross_entropy
from yt8m_distill.run_config import find_run, load_config, restore_model
from yt8m_distill.training.distilling import make_student
from yt8m_distill.training.loop import TrainingLoop

FEW = dataclasses.replace(FRAME, sampled_frames=3)
MODEL = "NeXtVLAD_tiny"
SMALL = {"nextvlad_cluster_size": 4, "nextvlad_hidden_size": 16, "groups": 2, "gating_reduction": 2}
LSTM = ("LSTM_tiny", {"lstm_cells": 8, "lstm_layers": 1})
_ALL_WEIGHTS = ("ground_truth_weight", "teacher_prediction_weight", "representation_weight")


def _config(distillation=None, spec=FEW, model=MODEL, overrides=None, **training):
    overrides = SMALL if overrides is None and model == MODEL else overrides
    return dataclasses.replace(make_config(model, spec, overrides, **training), distillation=distillation)


def _recurrent(distillation, **training):
    return _config(distillation, model=LSTM[0], overrides=LSTM[1], **training)


def _trained(directory, shards, **options):
    config = _config(spec=FRAME, num_epochs=1, **options)
    train(config, directory, shards)
    run = find_run(str(directory))
    return Teacher(run.checkpoint, checkpoint_checksum(run.checkpoint))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, frame_shards):
    return _trained(tmp_path_factory.mktemp("teacher"), frame_shards)


@pytest.fixture(scope="module")
def recurrent_teacher(tmp_path_factory, frame_shards):
    return _trained(tmp_path_factory.mktemp("recurrent"), frame_shards, model=LSTM[0], overrides=LSTM[1])


def _serial(*teachers, **params):
    return Distillation(DistillationParams(**params), teachers)


def _parallel(model=MODEL, overrides=None, **params):
    overrides = SMALL if model == MODEL else overrides
    joint = JointTeacher(registry.model_config(model, **overrides), FRAME)
    return Distillation(DistillationParams(parallel=True, **params), joint_teacher=joint)


def _batch(shards, spec=FRAME, seed=None):
    batch = next(iter(read_batches(shards, spec, ReadOptions(batch_size=8), seed=seed)))
    return {key: batch[key] for key in batch if key != "id"}


def _teacher_weights(teacher):
    return [np.asarray(w) for w in restore_model(find_run(teacher.path)).weights]


def _gradients(objective, batch, part):
    """{variable path: largest gradient of the mean of one part}."""
    with tf.GradientTape(watch_accessed_variables=True) as tape:
        loss = tf.reduce_mean(objective(batch).parts[part])
    variables = tape.watched_variables()
    found = zip(variables, tape.gradient(loss, variables), strict=True)
    return {id(v): float(tf.reduce_max(tf.abs(g))) for v, g in found if g is not None and tf.size(g)}


def _ids(variables):
    return {id(variable.value) for variable in variables}


def test_the_loss_is_the_weighted_sum_of_its_parts(frame_shards, teacher):
    weights = {"ground_truth_weight": 0.5, "teacher_prediction_weight": 2.0, "representation_weight": 0.25}
    _, objective = make_student(_config(_serial(teacher, **weights)))
    batch = _batch(frame_shards)
    outcome = objective(batch)
    expected = sum(w * outcome.parts[p] for w, p in zip(weights.values(), ("L_CE", "L_pred", "L_rep"), strict=True))
    np.testing.assert_allclose(outcome.loss, expected, rtol=1e-5)
    assert objective.parts == ("L_CE", "L_pred", "L_rep")
    teaching = restore_model(find_run(teacher.path))(view(batch, FRAME, FRAME), training=False)
    labels = multi_hot(batch["labels"], FRAME.num_classes)
    np.testing.assert_allclose(outcome.parts["L_CE"], cross_entropy(labels, outcome.predictions), rtol=1e-5)
    distance = prediction_loss(teaching["predictions"], outcome.predictions)
    np.testing.assert_allclose(outcome.parts["L_pred"], distance, rtol=1e-4, atol=1e-6)


def test_the_student_sees_few_frames_and_its_teacher_all(frame_shards, teacher):
    model, objective = make_student(_config(_serial(teacher)))
    batch = _batch(frame_shards)
    seen = {}
    original = model.aggregator.call
    model.aggregator.call = lambda features, num_frames, **k: (
        seen.update(n=num_frames) or original(features, num_frames, **k)
    )
    objective(batch)
    assert objective.source == FRAME
    np.testing.assert_array_equal(seen["n"], np.minimum(batch["num_frames"], 3))
    assert max(batch["num_frames"]) > 3


def test_l_rep_is_the_distance_from_the_representation_of_the_teacher(frame_shards, recurrent_teacher):
    config = _recurrent(_serial(recurrent_teacher))
    model, objective = make_student(config)
    batch = _batch(frame_shards)
    teaching = restore_model(find_run(recurrent_teacher.path))(batch)["representation"]
    student = model(view(batch, FEW, FRAME))["representation"]
    np.testing.assert_allclose(objective(batch).parts["L_rep"], representation_loss(teaching, student), rtol=1e-5)


@pytest.mark.parametrize("part", ["L_CE", "L_pred", "L_rep", "L_rep_intermediate"])
def test_gradients_reach_the_student_alone(part, frame_shards, recurrent_teacher):
    config = _recurrent(_serial(recurrent_teacher, intermediate_weight=1.0))
    model, objective = make_student(config)
    reached = {key for key, size in _gradients(objective, _batch(frame_shards), part).items() if size > 0}
    assert reached
    assert reached <= _ids(model.trainable_variables)
    assert _ids(objective.trainable_variables) == _ids(model.trainable_variables)


@pytest.mark.parametrize("head", ["own", "shared"])
def test_a_teacher_that_learns_along_learns_from_the_labels_alone(head, frame_shards):
    params = {"intermediate_weight": 1.0, "student_head": head}
    config = _recurrent(_parallel(*LSTM, **params))
    model, objective = make_student(config)
    batch = _batch(frame_shards)
    own = _ids(objective.teacher.trainable_variables) - _ids(model.trainable_variables)
    for part in ("L_CE", "L_pred", "L_rep", "L_rep_intermediate"):
        reached = {key for key, size in _gradients(objective, batch, part).items() if size > 0}
        assert reached
        assert reached <= _ids(model.trainable_variables)
    reached = {key for key, size in _gradients(objective, batch, "teacher_L_CE").items() if size > 0}
    assert reached & own
    assert reached <= _ids(objective.teacher.trainable_variables)
    assert (objective.teacher.head is model.head) == (head == "shared")


def test_a_frozen_teacher_is_bit_identical_after_training(frame_shards, teacher, tmp_path):
    """Of a model with batch norm and dropout, whose classifier the student uses."""
    before, checksum = _teacher_weights(teacher), checkpoint_checksum(teacher.path)
    loop = train(_config(_serial(teacher, student_head="shared"), num_epochs=1), tmp_path, frame_shards)
    after = [np.asarray(w) for w in loop.objective._targets.models[0].weights]
    assert all(map(np.array_equal, before, after))
    assert checkpoint_checksum(teacher.path) == checksum


def test_a_copied_classifier_starts_as_the_teachers_and_learns(frame_shards, recurrent_teacher, tmp_path):
    given = restore_model(find_run(recurrent_teacher.path)).head.get_weights()
    config = _recurrent(_serial(recurrent_teacher, student_head="copied"), num_epochs=1)
    model, _ = make_student(config)
    assert all(map(np.array_equal, given, model.head.get_weights()))
    loop = train(config, tmp_path, frame_shards)
    assert not np.array_equal(given[0], loop.model.head.get_weights()[0])


def test_a_classifier_shared_with_a_frozen_teacher_stays_as_it_is(frame_shards, recurrent_teacher, tmp_path):
    given = restore_model(find_run(recurrent_teacher.path)).head.get_weights()
    train(_recurrent(_serial(recurrent_teacher, student_head="shared"), num_epochs=1), tmp_path, frame_shards)
    assert all(map(np.array_equal, given, restore_model(find_run(str(tmp_path))).head.get_weights()))


def test_two_stages_learn_the_representation_first_and_then_plug_in_the_classifier(
    frame_shards, recurrent_teacher, tmp_path
):
    given = restore_model(find_run(recurrent_teacher.path)).head.get_weights()
    params = {"representation_weight": 0.0, "teacher_prediction_weight": 0.0}
    distillation = _serial(recurrent_teacher, representation_epochs=2, student_head="copied", **params)
    config = _recurrent(distillation, num_epochs=3, log_steps=3)
    _, objective = make_student(config)
    batch = _batch(frame_shards)
    assert objective.enter_epoch(0, True)
    outcome = objective(batch)
    np.testing.assert_allclose(outcome.loss, outcome.parts["L_rep"])
    assert not objective.enter_epoch(1, True)
    assert objective.enter_epoch(2, True)
    outcome = objective(batch)
    np.testing.assert_allclose(outcome.loss, outcome.parts["L_CE"])

    class Shift(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:  # the last one of the first stage
                for weight in self.model.head.weights:
                    weight.assign(weight + 50)

    loop = train(config, tmp_path, frame_shards, Shift())
    assert loop.finished
    logged = [float(row["L_rep"]) for row in rows(tmp_path)]
    assert logged[1] < logged[0]
    assert all(np.abs(one - other).max() < 5 for one, other in zip(given, loop.model.head.get_weights(), strict=True))


def test_intermediate_matching_ends_with_the_first_stage_where_l_rep_does(frame_shards, recurrent_teacher):
    params = {"representation_epochs": 1, "intermediate_weight": 0.5, "teacher_prediction_weight": 0.0}
    batch, losses = _batch(frame_shards), {}
    for weight in (0.0, 2.0):
        config = _recurrent(_serial(recurrent_teacher, representation_weight=weight, **params), num_epochs=2)
        _, objective = make_student(config)
        for epoch in (0, 1):
            objective.enter_epoch(epoch, True)
            losses[weight, epoch] = outcome = objective(batch)
    parts = outcome.parts
    np.testing.assert_allclose(losses[0.0, 0].loss, parts["L_rep"] + 0.5 * parts["L_rep_intermediate"], rtol=1e-5)
    np.testing.assert_allclose(losses[0.0, 1].loss, parts["L_CE"], rtol=1e-5)
    both = 2.0 * parts["L_rep"] + 0.5 * parts["L_rep_intermediate"]
    np.testing.assert_allclose(losses[2.0, 0].loss, both, rtol=1e-5)
    np.testing.assert_allclose(losses[2.0, 1].loss, parts["L_CE"] + both, rtol=1e-5)


@pytest.mark.parametrize("road", ["serial", "parallel", "staged"])
def test_a_student_that_was_stopped_ends_bit_identical_to_one_that_was_not(
    road, frame_shards, recurrent_teacher, tmp_path
):
    from test_loop import StopAt

    distillations = {
        "serial": _serial(recurrent_teacher, student_head="copied", intermediate_weight=1.0),
        "parallel": _parallel(*LSTM, student_head="shared"),
        "staged": _serial(recurrent_teacher, representation_epochs=1, student_head="copied"),
    }
    config = _recurrent(distillations[road], num_epochs=2)
    whole = train(config, tmp_path / "whole", frame_shards)
    for step in (2, 3):
        train(config, tmp_path / "broken", frame_shards, StopAt(step))
    loop = train(config, tmp_path / "broken", frame_shards)
    assert_same_run(loop, tmp_path / "broken", whole, tmp_path / "whole")


def test_the_run_of_a_student_is_one_like_any_other_and_names_its_teachers(frame_shards, recurrent_teacher, tmp_path):
    distillation = _serial(recurrent_teacher, recurrent_teacher)
    train(_recurrent(distillation, num_epochs=1), tmp_path, frame_shards)
    stored = json.loads((tmp_path / "config.json").read_text())["distillation"]
    assert stored["teachers"] == [dataclasses.asdict(recurrent_teacher)] * 2
    assert load_config(tmp_path).distillation == distillation
    run = find_run(str(tmp_path))
    results, _ = evaluate(restore_model(run), run.config.features, frame_shards, progress=False)
    assert results["examples"] == 26
    assert run.config.features == FEW


def test_several_teachers_are_one_target(frame_shards, teacher, recurrent_teacher):
    weights = dataclasses.replace(teacher, weight=3.0), dataclasses.replace(recurrent_teacher, weight=1.0)
    params = {"representation_weight": 0.0, "prediction_distance": "cross_entropy", "temperature": 2.0}
    _, objective = make_student(_config(_serial(*weights, **params)))
    _, alone = make_student(_config(_serial(teacher, **params)))
    _, other = make_student(_config(_serial(recurrent_teacher, **params)))
    batch = _batch(frame_shards)
    targets = [made._targets(batch, FRAME).predictions for made in (objective, alone, other)]
    np.testing.assert_allclose(targets[0], 0.75 * targets[1] + 0.25 * targets[2], atol=1e-6)


def test_a_projection_lets_the_sizes_differ(frame_shards, recurrent_teacher, tmp_path):
    with pytest.raises(InputError, match=r"a representation of 8 numbers .* with one of 16"):
        make_student(_config(_serial(recurrent_teacher)))
    wider = LSTM[0], {"lstm_cells": 12, "lstm_layers": 1}
    config = _config(_serial(recurrent_teacher, project_representation=True), FEW, *wider, num_epochs=1)
    loop = train(config, tmp_path, frame_shards)
    assert len(loop.objective.trainable_variables) == len(loop.model.trainable_variables) + 2
    restore_model(find_run(str(tmp_path)))


def test_a_student_of_one_feature_learns_from_a_teacher_of_both(frame_shards, teacher):
    spec = dataclasses.replace(FRAME, names=("audio",), sizes=(8,))
    model, objective = make_student(_config(_serial(teacher, representation_weight=0.0), spec=spec))
    assert set(objective.source.names) == {"rgb", "audio"}
    assert model.feature_sizes == {"audio": 8}
    assert np.isfinite(objective(_batch(frame_shards, objective.source)).loss).all()


def test_a_student_of_random_frames_draws_them_anew_in_every_epoch(frame_shards, teacher):
    spec = dataclasses.replace(FEW, frame_sampler="random")
    _, objective = make_student(_config(_serial(teacher), spec=spec))
    drawn = []
    for epoch in (0, 0, 1):
        dataset = read_batches(frame_shards, FRAME, ReadOptions(batch_size=8))
        batch = next(iter(objective.prepare(dataset, 7, epoch)))
        drawn.append(batch[positions_key(spec)].numpy())
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


def test_a_teacher_that_has_changed_is_bad_input(frame_shards, teacher):
    changed = dataclasses.replace(teacher, checksum="0" * 64)
    with pytest.raises(InputError, match="is not what the student was started with"):
        make_student(_config(_serial(changed)))


def test_families_without_states_have_no_intermediate_loss(teacher):
    with pytest.raises(InputError, match="--intermediate_weight needs intermediate states and the teacher"):
        make_student(_config(_serial(teacher, intermediate_weight=1.0)))


def test_a_classifier_of_another_shape_cannot_be_copied(recurrent_teacher):
    config = _config(_serial(recurrent_teacher, student_head="copied", representation_weight=0.0))
    with pytest.raises(InputError, match="the teacher's classifier has weights of"):
        make_student(config)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({}, "There is no teacher"),
        ({"parallel": True}, "--parallel and a teacher"),
        ({"temperature": float("inf")}, "--temperature=inf: expected a number above 0"),
        ({"representation_weight": float("inf")}, "--representation_weight=inf: expected 0 or more"),
        (
            {"representation_epochs": 1} | dict.fromkeys(_ALL_WEIGHTS, 0.0),
            "Nothing is learnt after --representation_epochs",
        ),
    ],
)
def test_roads_that_lead_nowhere_are_bad_input(arguments, line):
    with pytest.raises(InputError, match=line):
        Distillation(DistillationParams(**arguments))


@pytest.mark.parametrize("head", ["copied", "shared"])
def test_a_classifier_means_the_same_to_teacher_and_student(head, recurrent_teacher):
    overrides = LSTM[1] | {"gating": "plain", "gating_remove_diag": True}
    config = _config(_serial(recurrent_teacher, student_head=head), model=LSTM[0], overrides=overrides)
    with pytest.raises(InputError, match=r"classifier has"):
        make_student(config)
    # Of one shape, so that weights alone would not tell.
    distillation = _parallel(LSTM[0], LSTM[1] | {"gating": "plain"}, student_head=head)
    with pytest.raises(InputError, match="gating_remove_diag=False and the student gating_remove_diag=True"):
        make_student(_config(distillation, model=LSTM[0], overrides=overrides))


def test_of_one_label_a_video_the_softmax_of_the_logits_is_compared_with_it(frame_shards, teacher):
    params = {"teacher_output": "softmax", "representation_weight": 0.0, "prediction_distance": "cross_entropy"}
    _, objective = make_student(_config(_serial(teacher, **params)))
    batch = _batch(frame_shards)
    outcome = objective(batch)
    labels, p = multi_hot(batch["labels"], FRAME.num_classes).numpy(), outcome.predictions.numpy()
    odds = p / (1 - p)
    share = odds / odds.sum(axis=1, keepdims=True)
    expected = -(labels / labels.sum(axis=1, keepdims=True) * np.log(share)).sum(axis=1)
    np.testing.assert_allclose(outcome.parts["L_CE"], expected, rtol=1e-4)
    with pytest.raises(InputError, match="--teacher_output=softmax has a cross entropy of its own"):
        make_student(_config(_serial(teacher, **params), label_loss="HingeLoss"))


def test_the_branches_of_a_student_learn_as_those_of_any_run(frame_shards, teacher):
    overrides = SMALL | {"mix_number": 2}
    params = {"representation_weight": 0.0}
    mixed = _config(_serial(teacher, **params), model="MixNeXtVLAD_tiny", overrides=overrides)
    _, objective = make_student(mixed)
    outcome = objective(_batch(frame_shards))
    assert objective.parts == ("L_CE", "L_pred", "L_branches")
    np.testing.assert_allclose(outcome.loss, sum(outcome.parts.values()), rtol=1e-5)
    with pytest.raises(InputError, match="--parallel trains MixNeXtVLAD_tiny on the labels alone"):
        make_student(_config(_parallel("MixNeXtVLAD_tiny", overrides), model="MixNeXtVLAD_tiny", overrides=overrides))


def test_a_mixture_of_branches_trains_each_of_them(frame_shards, tmp_path):
    overrides = SMALL | {"mix_number": 2}
    loop = train(_config(spec=FRAME, model="MixNeXtVLAD_tiny", overrides=overrides), tmp_path, frame_shards)
    assert loop.objective.parts == ("L_CE", "L_branches")
    logged = [float(row["L_branches"]) for row in rows(tmp_path)]
    assert logged[-1] < logged[0]
    plain = TrainingLoop(
        _config(spec=FRAME, model="MixNeXtVLAD_tiny", overrides=overrides | {"cl_lambda": 0.0}),
        str(tmp_path / "plain"),
        frame_shards,
    )
    assert plain.objective.parts == ()
