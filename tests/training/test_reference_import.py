import os

import numpy as np
import pytest
import tensorflow as tf
from made_runs import FRAME, frame_record, make_config, make_videos, rows, save_with_tensorflow_1, train, write_shards

from yt8m_distill.errors import InputError
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import load_reference_weights
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.training import reference_import
from yt8m_distill.training.loop import TrainingLoop
from yt8m_distill.training.reference_import import import_reference, read_reference_checkpoint

CONFIG = make_config("FrameLevelLogistic", FRAME, num_epochs=1)


def weights(scope="tower/", seed=0):
    random = np.random.default_rng(seed)
    shapes = {"fully_connected/weights": (24, 12), "fully_connected/biases": (12,)}
    return {scope + name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def with_training_state(values):
    """The variables of a training graph: slots of optimizers, averages, counters, and a second model."""
    more = {"global_step": np.array(12345), "beta1_power": np.float32(0.9), "beta2_power_1": np.float32(0.99)}
    for name, value in values.items():
        more |= {f"{name}/{slot}": np.zeros_like(value) for slot in ("Adam", "Adam_1", "Momentum")}
        more[f"{name}/ExponentialMovingAverage"] = value + 1
    return {**values, **more, **weights("other_model/", seed=9)}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of a training graph, which no test may change."""
    return save_with_tensorflow_1(with_training_state(weights()), tmp_path_factory.mktemp("reference") / "model.ckpt-7")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    records = [frame_record(video) for video in make_videos(24)]
    return write_shards(str(tmp_path_factory.mktemp("frames")), "train", records)


@pytest.mark.parametrize("ending", ["", ".index", ".meta", ".data-00000-of-00001", "/.."])
def test_a_prefix_a_file_or_the_folder_names_the_checkpoint(checkpoint, ending):
    path = os.path.dirname(checkpoint) if ending == "/.." else checkpoint + ending
    values, step = read_reference_checkpoint(path)
    assert step == 12345
    assert values.keys() == weights().keys()
    for name, value in weights().items():
        np.testing.assert_array_equal(values[name], value)


def test_averages_take_the_place_of_the_variables(checkpoint):
    values, _ = read_reference_checkpoint(checkpoint, use_ema=True)
    for name, value in weights().items():
        np.testing.assert_array_equal(values[name], value + 1)


def test_another_scope_is_another_model(checkpoint):
    values, _ = read_reference_checkpoint(checkpoint, scope="other_model")
    assert values.keys() == weights("other_model/").keys()


def test_names_without_a_scope_are_read_and_the_step_is_in_the_file_name(tmp_path):
    values, step = read_reference_checkpoint(save_with_tensorflow_1(weights(""), tmp_path / "model.ckpt-31"))
    assert values.keys() == weights("").keys()
    assert step == 31


def test_an_imported_run_is_evaluated_and_trained_like_any_other(checkpoint, shards, tmp_path):
    run_dir = str(tmp_path / "runs" / "reference")
    prefix = import_reference(CONFIG, checkpoint, run_dir)
    run = find_run(run_dir)
    assert (run.checkpoint, run.step, run.config) == (prefix, 12345, CONFIG)
    direct = build_model(CONFIG.model, CONFIG.features)
    load_reference_weights(direct, weights())
    results = [evaluate(model, FRAME, shards, batch_size=8) for model in (restore_model(run), direct)]
    assert results[0][0]["gap"] == results[1][0]["gap"] > 0
    loop = train(CONFIG, run_dir, shards)
    assert (loop.resumed_from, loop.step) == (prefix, 12345 + 3)
    assert all(np.isfinite(weight).all() for weight in loop.model.get_weights())
    assert [row["step"] for row in rows(run_dir)] == ["12348"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("tower/fully_connected/biases"), "fully_connected/biases is missing"),
        (lambda values: values.update({"tower/gates/weights": np.zeros(3)}), "gates/weights is left over"),
        (lambda values: values.update({"tower/fully_connected/biases": np.zeros(3)}), r"\(3,\) and the model's is"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(change, message, tmp_path):
    values = weights()
    change(values)
    path = save_with_tensorflow_1(values, tmp_path / "reference" / "model.ckpt-1")
    with pytest.raises(InputError, match=f"does not fit FrameLevelLogistic.*{message}"):
        import_reference(CONFIG, path, str(tmp_path / "run"))
    assert os.listdir(tmp_path) == ["reference"]


def test_a_checkpoint_without_averages_says_so(tmp_path):
    path = save_with_tensorflow_1(weights(), tmp_path / "model.ckpt-1")
    with pytest.raises(InputError, match="holds no moving averages: drop --use_ema"):
        read_reference_checkpoint(path, use_ema=True)


def test_what_is_no_checkpoint_of_a_saver_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    own = tf.train.Checkpoint(weight=tf.Variable(1.0)).write(str(tmp_path / "own"))
    for path, message in [
        ("", "--reference_checkpoint is empty"),
        (str(tmp_path / "missing"), "There is no checkpoint"),
        (str(tmp_path / "empty"), "lists no checkpoint"),
        (str(tmp_path / "text.ckpt"), "cannot be read as a TensorFlow checkpoint"),
        (own, "written by tf.train.Checkpoint"),
    ]:
        with pytest.raises(InputError, match=message):
            read_reference_checkpoint(path)


def test_a_damaged_checkpoint_says_so(tmp_path):
    path = save_with_tensorflow_1(weights(), tmp_path / "model.ckpt-1")
    os.remove(path + ".data-00000-of-00001")
    with pytest.raises(InputError, match="cannot be read as a TensorFlow checkpoint"):
        read_reference_checkpoint(path)


def test_a_directory_that_holds_something_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="no empty directory"):
        import_reference(CONFIG, checkpoint, str(tmp_path))
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_nothing_is_left_where_writing_fails(checkpoint, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("yt8m_distill.training.checkpoints.RunCheckpoints.save", fail)
    with pytest.raises(OSError, match="disk full"):
        import_reference(CONFIG, checkpoint, str(tmp_path / "run"))
    assert os.listdir(tmp_path) == []


def test_a_mixture_of_branches_is_resumed(shards, tmp_path):
    """Its rows of metrics have parts, which the checkpoint has to hold places for."""
    overrides = {"nextvlad_cluster_size": 4, "nextvlad_hidden_size": 16, "groups": 2, "gating_reduction": 2}
    config = make_config("MixNeXtVLAD_tiny", FRAME, overrides, num_epochs=1)
    run_dir = str(tmp_path / "run")
    prefix = reference_import._write_run(config, build_model(config.model, config.features), 12, run_dir)
    assert TrainingLoop(config, run_dir, shards).resumed_from == prefix
