import dataclasses
import json
import os

import numpy as np
import pytest
from made_runs import FRAME, NUM_CLASSES, SEGMENT, VIDEO, make_config, make_videos, train, video_record, write_shards

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import Teacher
from yt8m_distill.hyperparameters.origin import Origin
from yt8m_distill.run_config import NothingThereError, RunConfig, find_run, load_config, restore_model, save_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(directory, loop) of a run with checkpoints of steps 2 and 4, which no test may change."""
    directory = tmp_path_factory.mktemp("run")
    shards = write_shards(directory / "data", "train", [video_record(video) for video in make_videos(40)])
    config = make_config(save_checkpoint_steps=2, max_steps=4)
    return str(directory / "run"), train(config, directory / "run", shards)


@pytest.mark.parametrize("name", registry.names())
def test_every_registered_model_survives_config_json(name, tmp_path):
    spec = VIDEO if registry.model_config(name).level == "video" else SEGMENT
    config = make_config(name, spec, weight_decay=0.125, save_checkpoint_steps=7, base_learning_rate=1 / 3)
    save_config(config, str(tmp_path))
    assert load_config(str(tmp_path)) == config
    assert os.listdir(tmp_path) == ["config.json"]


def test_a_config_is_plain_json():
    values = make_config("NeXtVLAD", FRAME).to_dict()
    assert RunConfig.from_dict(json.loads(json.dumps(values))) == make_config("NeXtVLAD", FRAME)


@pytest.mark.parametrize(
    ("part", "key", "word"),
    [("training", "no_such", "no_such"), ("features", "no_such", "no_such"), ("model", "family", "family")],
)
def test_something_unknown_is_named_together_with_the_file(part, key, word, tmp_path):
    values = make_config().to_dict()
    values[part][key] = "x"
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=f"config.json cannot be used: .*{word}.*another version"):
        load_config(str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"features": []}', "\x00", '{"features": {"names": 3}}'])
def test_a_config_that_is_none_is_bad_input(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json cannot be used"):
        load_config(str(tmp_path))


def test_a_directory_without_a_config_is_no_run(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(NothingThereError, match="no run directory"):
            find_run(str(path))
    with pytest.raises(InputError, match="--checkpoint is empty"):
        find_run(None)


def test_a_directory_means_its_newest_checkpoint(run):
    found = find_run(run[0] + "/")
    assert (found.directory, found.step, found.config) == (run[0], 4, run[1].config)
    assert found.checkpoint == f"{run[0]}/checkpoints/ckpt-4"


@pytest.mark.parametrize("suffix", ["", ".index"])
def test_a_checkpoint_means_itself(suffix, run):
    found = find_run(f"{run[0]}/checkpoints/ckpt-2{suffix}")
    assert (found.directory, found.step) == (run[0], 2)


def test_a_checkpoint_is_found_from_within_the_run_directory(run, monkeypatch):
    monkeypatch.chdir(run[0])
    assert find_run("checkpoints/ckpt-2").step == 2
    assert find_run(".").step == 4


def test_a_missing_checkpoint_is_bad_input(run, tmp_path):
    with pytest.raises(NothingThereError, match="no such checkpoint"):
        find_run(f"{run[0]}/checkpoints/ckpt-3")
    save_config(run[1].config, str(tmp_path))
    with pytest.raises(NothingThereError, match="holds no checkpoint yet"):
        find_run(str(tmp_path))
    with pytest.raises(InputError, match="holds no average") as caught:
        find_run(str(tmp_path), use_ema=True)
    assert not isinstance(caught.value, NothingThereError), "no checkpoint to come will have one"


@pytest.mark.parametrize(
    ("source", "use_ema", "message"),
    [
        ("averaging", False, r"quantize made it of {}, without --use_ema\. .* or quantize {} with it\."),
        ("averaging", True, r"quantize made it of the averaged weights of {}\. Leave out --use_ema\."),
        ("plain", False, r"quantize made it of {}, without --use_ema\. Leave out --use_ema\."),
        ("gone", False, r"quantize made it of {}, without --use_ema\. Leave out --use_ema\."),
    ],
)
def test_what_was_made_of_an_average_says_what_to_do_for_one(source, use_ema, message, tmp_path):
    for name, training in (("averaging", {"ema_decay": 0.5}), ("plain", {})):
        save_config(make_config(**training), str(tmp_path / name))
    path = str(tmp_path / source / "checkpoints/ckpt-2")
    origin = Origin("quantize", (Teacher(path, "0", 1.0, use_ema),), {})
    save_config(dataclasses.replace(make_config(ema_decay=0.5), origin=origin), str(tmp_path / "made"))
    with pytest.raises(InputError, match="made holds no average of its weights: " + message.replace("{}", path) + "$"):
        find_run(str(tmp_path / "made"), use_ema=True)


def test_a_restored_model_has_the_weights_of_its_checkpoint(run):
    model = restore_model(find_run(run[0]))
    for mine, trained in zip(model.weights, run[1].model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(trained))
    earlier = restore_model(find_run(f"{run[0]}/checkpoints/ckpt-2"))
    assert not np.array_equal(np.asarray(earlier.weights[0]), np.asarray(model.weights[0]))


@pytest.mark.parametrize(
    "config",
    [
        make_config(overrides={"num_hidden_units": 32}),
        make_config(overrides={"hidden_batch_norm": True}),
        make_config("MoE"),
        make_config(spec=dataclasses.replace(VIDEO, num_classes=NUM_CLASSES + 1)),
    ],
)
def test_a_checkpoint_of_another_model_is_one_clear_line(config, run):
    with pytest.raises(InputError, match=r"ckpt-4 does not fit the .* of .*config\.json: ") as caught:
        restore_model(dataclasses.replace(find_run(run[0]), config=config))
    assert "\n" not in str(caught.value)
