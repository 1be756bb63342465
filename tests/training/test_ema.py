"""Moving averages of weights, against the same computed by hand from the weights after every step."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_runs import FRAME, VIDEO, assert_same_run, make_config, run_python, train

from yt8m_distill.bin.evaluate_epochs import EvaluateEpochs
from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, JointTeacher
from yt8m_distill.hyperparameters.ema_source import EmaSource
from yt8m_distill.run_config import RunConfig, averaged_weights, find_run, restore_model
from yt8m_distill.stored_weights import named_weights
from yt8m_distill.training.ema_source import averaging_params


class Recorder(keras.callbacks.Callback):
    """The model's weights before training and after every step; stops after step `stop`."""

    def __init__(self, stop=None):
        super().__init__()
        self.weights, self._stop = [], stop

    def on_train_begin(self, logs=None):
        self.weights.append(_numbers(self.model))

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(_numbers(self.model))
        self.model.stop_training = batch + 1 == self._stop


def _numbers(model):
    return {name: weight.numpy() for name, weight in averaged_weights(model).items()}


def _shadows(loop):
    return {name: shadow.numpy() for name, shadow in loop.average.shadows.items()}


def _by_hand(weights, decay, warm_up, updates=0):
    """Float64, in the words of the definition; the first weights are the average after so many updates."""
    average = {name: value.astype(np.float64) for name, value in weights[0].items()}
    for update, after in enumerate(weights[1:], updates):
        d = min(decay, (1 + update) / (10 + update)) if warm_up else decay
        average = {name: d * average[name] + (1 - d) * after[name] for name in average}
    return average


def _assert_average(actual, weights, decay, warm_up, updates=0):
    expected = _by_hand(weights, decay, warm_up, updates)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=2e-6, atol=1e-7, err_msg=name)


# From update 3 on the decay is 0.3; before that it is 0.1, 2/11 and 0.25. The first epoch ends at step 6.
CONFIG = make_config(overrides={"hidden_batch_norm": True}, ema_decay=0.3, num_epochs=2, max_steps=8, log_steps=3)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory, video_shards):
    """(loop, Recorder, directory) of a run of 8 steps with batch norm and dropout."""
    directory, recorder = tmp_path_factory.mktemp("averaged"), Recorder()
    return train(CONFIG, directory, video_shards, recorder), recorder, directory


def test_the_average_is_that_of_a_hand_computation_with_its_warm_up(averaged):
    loop, recorder, _ = averaged
    assert len(recorder.weights) == 9
    assert int(loop.average.updates) == 8
    _assert_average(_shadows(loop), recorder.weights, 0.3, warm_up=True)


def test_every_floating_point_weight_is_averaged_and_nothing_else(averaged):
    loop, recorder, _ = averaged
    names = _shadows(loop).keys()
    assert names == named_weights(loop.model).keys()
    assert {name.rpartition("/")[2] for name in names} >= {"moving_mean", "moving_variance", "updates", "gamma"}
    first, last = recorder.weights[0], recorder.weights[-1]
    moved = [name for name in names if "moving_" in name and not np.array_equal(first[name], last[name])]
    assert moved
    assert all(not np.array_equal(_shadows(loop)[name], last[name]) for name in moved)
    assert {shadow.dtype for shadow in loop.average.shadows.values()} == {tf.float32}


def test_both_models_are_in_the_checkpoint(averaged):
    loop, recorder, directory = averaged
    plain, average = (restore_model(find_run(str(directory), use_ema)) for use_ema in (False, True))
    for model, expected in ((plain, recorder.weights[-1]), (average, _shadows(loop))):
        for name, value in _numbers(model).items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_resumed_run_continues_the_average_bit_for_bit(averaged, tmp_path, video_shards):
    loop, _, directory = averaged
    for stop in (2, 7):
        train(CONFIG, tmp_path, video_shards, Recorder(stop))
    resumed = train(CONFIG, tmp_path, video_shards)
    assert resumed.resumed_from.endswith("ckpt-7")
    assert_same_run(resumed, tmp_path, loop, directory)
    assert int(resumed.average.updates) == 8
    for name, value in _shadows(resumed).items():
        np.testing.assert_array_equal(value, _shadows(loop)[name], err_msg=name)


def test_averaging_changes_nothing_about_the_run_and_a_run_without_holds_no_average(averaged, tmp_path, video_shards):
    config = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, ema_decay=None))
    loop = train(config, tmp_path, video_shards)
    assert loop.average is None
    assert_same_run(loop, tmp_path, averaged[0], averaged[2])
    keys, others = (
        {key for key, _ in tf.train.list_variables(find_run(str(path)).checkpoint)} for path in (tmp_path, averaged[2])
    )
    assert {key for key in others - keys if not key.startswith("ema/")} == set()
    assert keys < others
    with pytest.raises(InputError, match=r"holds no average .* Leave out --use_ema"):
        find_run(str(tmp_path), use_ema=True)


def test_a_run_that_has_begun_keeps_its_average(averaged, tmp_path, video_shards):
    train(
        dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, max_steps=1)), tmp_path, video_shards
    )
    other = dataclasses.replace(
        CONFIG, training=dataclasses.replace(CONFIG.training, ema_decay=None, ema_half_life=2.0)
    )
    with pytest.raises(InputError, match=r"ema_decay=0\.3 and the command says ema_decay=None"):
        train(other, tmp_path, video_shards)


def test_after_a_half_life_weights_count_half():
    config = make_config(ema_half_life=40.0)
    assert config.training.average_decay**40 == pytest.approx(0.5)
    assert make_config(ema_decay=0.99).training.average_decay == 0.99
    assert make_config().training.average_decay is None


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"ema_decay": 0.9, "ema_half_life": 5.0}, "give one of them"),
        ({"ema_decay": 1.0}, "--ema_decay=1.0: expected a number between 0 and 1"),
        ({"ema_decay": 0.0}, "--ema_decay=0.0"),
        ({"ema_half_life": 0.0}, "--ema_half_life=0.0: expected a number of steps above 0"),
        ({"ema_half_life": float("nan")}, "--ema_half_life=nan"),
    ],
)
def test_numbers_that_make_no_average(numbers, message):
    with pytest.raises(InputError, match=message):
        make_config(**numbers)


def test_shadows_are_float32_under_mixed_precision(tmp_path, video_shards):
    recorder = Recorder()
    config = make_config(
        overrides={"hidden_batch_norm": True}, mixed_precision="mixed_float16", ema_decay=0.9, max_steps=3
    )
    loop = train(config, tmp_path, video_shards, recorder)
    assert {shadow.dtype for shadow in loop.average.shadows.values()} == {tf.float32}
    _assert_average(_shadows(loop), recorder.weights, 0.9, warm_up=True)


def test_an_epoch_is_evaluated_with_both_and_the_weights_are_put_back(averaged, tmp_path, video_shards, capsys):
    evaluation = EvaluateEpochs(VIDEO, video_shards[:1], str(tmp_path), 8, "validate*")
    loop = train(CONFIG, tmp_path, video_shards, evaluation)
    assert_same_run(loop, tmp_path, averaged[0], averaged[2])
    results = {
        name: json.loads((tmp_path / "eval" / f"{name}.json").read_text()) for name in ("6", "6-ema", "8", "8-ema")
    }
    assert results["8"]["loss"] != results["8-ema"]["loss"]
    assert "epoch 2, averaged weights, evaluated on 17 examples" in capsys.readouterr().out


def _source(directory):
    run = find_run(str(directory))
    return run, EmaSource(run.checkpoint, checkpoint_checksum(run.checkpoint))


def test_a_finished_run_is_averaged_from_its_own_weights_without_warm_up(averaged, tmp_path, video_shards):
    run, source = _source(averaged[2])
    config = dataclasses.replace(CONFIG, training=averaging_params(run), ema_source=source)
    recorder = Recorder(stop=2)
    train(config, tmp_path, video_shards, recorder)
    for name, value in averaged[1].weights[-1].items():
        np.testing.assert_array_equal(recorder.weights[0][name], value, err_msg=name)
    source = dataclasses.replace(source, path="runs/that/is/gone/checkpoints/ckpt-8")
    rest = Recorder()
    loop = train(dataclasses.replace(config, ema_source=source), tmp_path, video_shards, rest)
    assert loop.step == 8
    _assert_average(_shadows(loop), [*recorder.weights, *rest.weights[1:]], 0.3, warm_up=False)


def test_a_source_that_has_changed_is_refused(averaged, tmp_path, video_shards):
    _, source = _source(averaged[2])
    changed = dataclasses.replace(CONFIG, ema_source=dataclasses.replace(source, checksum="12ab" * 16))
    with pytest.raises(InputError, match=r"is not what the run was started with: .* expected 12ab12ab12ab12ab"):
        train(changed, tmp_path, video_shards)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"base_learning_rate": 0.01}, 0.002),
        ({"base_learning_rate": 0.01, "learning_rate_decay": 0.5, "learning_rate_decay_examples": 24}, 0.0005),
        ({"base_learning_rate": 0.01, "learning_rate_decay": 0.5, "learning_rate_decay_examples": 32}, 0.001),
        ({"base_learning_rate": 0.02, "learning_rate_schedule": "cosine", "warmup_steps": 3}, 0.004),
    ],
)
def test_the_learning_rate_is_a_fifth(numbers, expected, averaged):
    """The last of 8 steps is number 7 from 0: of decays every 3 steps it has seen two, of those every 4 one."""
    run = find_run(str(averaged[2]))
    config = dataclasses.replace(run.config, training=make_config(**numbers).training)
    params = averaging_params(dataclasses.replace(run, config=config))
    assert params.base_learning_rate == expected
    assert (params.learning_rate_schedule, params.learning_rate_decay, params.warmup_steps) == ("exponential", 1.0, 0)


def test_a_students_weights_are_averaged_and_go_on_alone(tmp_path, frame_shards):
    """With the classifier that it shares with the teacher that is trained along; afterwards on labels alone."""
    model = make_config("FrameLevelLogistic", FRAME, ema_decay=0.5, max_steps=2, log_steps=1)
    params = DistillationParams(parallel=True, student_head="shared")
    config = dataclasses.replace(
        model,
        features=dataclasses.replace(FRAME, sampled_frames=3),
        distillation=Distillation(params, joint_teacher=JointTeacher(model.model, FRAME)),
    )
    recorder = Recorder()
    loop = train(config, tmp_path / "student", frame_shards, recorder)
    _assert_average(_shadows(loop), recorder.weights, 0.5, warm_up=True)
    average = restore_model(find_run(str(tmp_path / "student"), use_ema=True))
    for name, value in _numbers(average).items():
        np.testing.assert_array_equal(value, _shadows(loop)[name], err_msg=name)
    run, source = _source(tmp_path / "student")
    alone, begun = RunConfig(config.features, config.model, averaging_params(run), ema_source=source), Recorder(stop=1)
    train(alone, tmp_path / "alone", frame_shards, begun)
    for name, value in recorder.weights[-1].items():
        np.testing.assert_array_equal(begun.weights[0][name], value, err_msg=name)


def test_a_classifier_that_is_plugged_in_starts_its_average_anew(tmp_path, frame_shards):
    """Also in a run that is stopped right before that, which is after 3 steps, and after."""
    model = make_config("FrameLevelLogistic", FRAME, ema_decay=0.5, num_epochs=2, log_steps=1)
    params = DistillationParams(parallel=True, student_head="copied", representation_epochs=1)
    config = dataclasses.replace(
        model,
        features=dataclasses.replace(FRAME, sampled_frames=3),
        distillation=Distillation(params, joint_teacher=JointTeacher(model.model, FRAME)),
    )
    recorder = Recorder()
    whole = train(config, tmp_path / "whole", frame_shards, recorder)
    before = train(config, tmp_path / "broken", frame_shards, Recorder(stop=3))
    pairs = zip(before.model.head.weights, before.objective.teacher.head.weights, strict=True)
    plugged = {mine.path.partition("/")[2]: theirs.numpy() for mine, theirs in pairs}
    first = _by_hand(recorder.weights[:4], 0.5, warm_up=True)
    assert all(np.abs(first[name] - value).max() > 0.01 for name, value in plugged.items() if "kernel" in name)
    _assert_average(_shadows(whole), [first | plugged, *recorder.weights[4:]], 0.5, warm_up=True, updates=3)
    train(config, tmp_path / "broken", frame_shards, Recorder(stop=4))
    loop = train(config, tmp_path / "broken", frame_shards)
    assert_same_run(loop, tmp_path / "broken", whole, tmp_path / "whole")
    for name, value in _shadows(loop).items():
        np.testing.assert_array_equal(value, _shadows(whole)[name], err_msg=name)


_REPLICAS = """
import sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import dataclasses
from made_runs import train
from training.test_ema import *
from training.test_ema import _assert_average, _shadows, _source
folder, shards = sys.argv[1], sys.argv[2:]
replicas = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
recorder = Recorder()
evaluation = EvaluateEpochs(VIDEO, shards[:1], folder, 8, "validate*")
loop = train(CONFIG, f"{folder}/two", shards, evaluation, recorder, strategy=replicas)
assert len(recorder.weights) == 9
_assert_average(_shadows(loop), recorder.weights, 0.3, warm_up=True)
run, source = _source(f"{folder}/two")
begun = Recorder(stop=1)
config = dataclasses.replace(CONFIG, training=averaging_params(run), ema_source=source)
train(config, f"{folder}/ema", shards, begun, strategy=replicas)
for name, value in recorder.weights[-1].items():
    np.testing.assert_array_equal(begun.weights[0][name], value, err_msg=name)
"""


def test_two_replicas_have_one_average(tmp_path, video_shards):
    process = run_python(["-c", _REPLICAS, str(tmp_path), *video_shards], TF_CPP_MIN_LOG_LEVEL="3")
    assert process.returncode == 0, process.stderr
