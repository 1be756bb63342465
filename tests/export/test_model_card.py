import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf
from made_checkpoints import untrained_run
from made_runs import VIDEO

from yt8m_distill.checksums import checkpoint_checksum, file_sha256
from yt8m_distill.errors import InputError
from yt8m_distill.export.model_card import (
    bytes_by_kind,
    card_path,
    describe,
    describe_member,
    signatures_of,
    verify_card,
    write_card,
)
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, Teacher
from yt8m_distill.run_config import RunConfig
from yt8m_distill.stored_weights import Codebook, Plain


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return untrained_run(tmp_path_factory.mktemp("runs") / "run", "HiddenLayer_tiny", VIDEO)


def _card(run, **more):
    member = describe_member(run, "HiddenLayer", 1.0, {"codebook": 100, "plain": 20})
    return describe([member], {"features": {"inputs": {}, "outputs": {}}}, **more)


@pytest.fixture
def export(run, tmp_path):
    """A folder with files as those of an export, and their card."""
    folder = tmp_path / "export"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.data").write_bytes(b"weights")
    write_card(_card(run), str(folder))
    return folder


def test_a_card_says_where_the_weights_come_from(run):
    (member,) = json.loads(json.dumps(_card(run, form="mediapipe")))["members"]
    assert (member["run"], member["checkpoint"], member["step"]) == (run.directory, run.checkpoint, run.step)
    assert member["checksum"] == checkpoint_checksum(run.checkpoint)
    assert RunConfig.from_dict(member) == run.config
    assert member["averaged_weights"] is False
    card = _card(run, form="mediapipe")
    assert (card["name"], card["form"], card["bytes_by_kind"]) == (
        "HiddenLayer",
        "mediapipe",
        {"codebook": 100, "plain": 20},
    )
    assert {"yt8m_distill", "python", "tensorflow", "keras", "numpy"} == set(card["versions"])


def test_teachers_stand_in_the_card_with_their_checksums(run):
    teachers = (Teacher("runs/teacher/checkpoints/ckpt-9", "ab" * 32),)
    config = dataclasses.replace(run.config, distillation=Distillation(DistillationParams(), teachers))
    member = describe_member(dataclasses.replace(run, config=config), "student", 1.0, {})
    assert member["distillation"]["teachers"][0]["checksum"] == "ab" * 32


def test_the_evaluation_in_a_card_is_that_of_its_weights(run, tmp_path):
    copy = dataclasses.replace(run, directory=str(tmp_path / "run"))
    folder = tmp_path / "run" / "eval"
    folder.mkdir(parents=True)
    (folder / f"{run.step + 1}.json").write_text('{"gap": 0.6}')
    assert describe_member(copy, "a", 1.0, {})["evaluation"] is None
    (folder / f"{run.step}.json").write_text('{"gap": 0.5}')
    own = {"file": str(folder / f"{run.step}.json"), "gap": 0.5}
    assert describe_member(copy, "a", 1.0, {})["evaluation"] == own
    averaged = dataclasses.replace(copy, use_ema=True)
    assert describe_member(averaged, "a", 1.0, {})["evaluation"] is None
    (folder / f"{run.step}-ema.json").write_text('{"gap": 0.7}')
    assert describe_member(averaged, "a", 1.0, {})["evaluation"]["gap"] == 0.7


@pytest.mark.parametrize("content", ["", '{"gap": 0.', "[1]", "null"])
def test_a_damaged_evaluation_is_bad_input(content, run, tmp_path):
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / f"{run.step}.json").write_text(content)
    with pytest.raises(InputError, match=r"\.json is no evaluation: .* evaluate the run again"):
        describe_member(dataclasses.replace(run, directory=str(tmp_path)), "a", 1.0, {})


def test_a_card_counts_every_file_but_itself(export):
    card = verify_card(str(export))
    assert set(card["files"]) == {"saved_model.pb", os.path.join("variables", "variables.data")}
    assert card["bytes"] == len(b"graph") + len(b"weights")
    assert card["files"]["saved_model.pb"]["sha256"] == file_sha256(export / "saved_model.pb")
    assert sorted(os.listdir(export)) == ["model_card.json", "saved_model.pb", "variables"]


@pytest.mark.parametrize("content", [b"weighty", b"weight", b""])
def test_a_file_that_is_not_what_it_was_is_found(content, export):
    (export / "variables" / "variables.data").write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged: variables/variables\.data has .* Export again"):
        verify_card(str(export))


def test_a_file_that_is_missing_is_found(export):
    os.remove(export / "saved_model.pb")
    with pytest.raises(InputError, match=r"saved_model\.pb is missing"):
        verify_card(str(export))


@pytest.mark.parametrize("content", ["", "[]", '{"files": {"saved_model.pb": {}}}', "null"])
def test_what_is_no_card_is_said(content, export):
    (export / "model_card.json").write_text(content)
    with pytest.raises(InputError, match=r"model_card\.json is no model card"):
        verify_card(str(export))


def test_an_export_without_a_card_cannot_be_verified(tmp_path):
    with pytest.raises(InputError, match="Expected the card of an export"):
        verify_card(str(tmp_path))


def test_the_card_of_a_file_lies_beside_it(run, tmp_path):
    path = tmp_path / "student.tflite"
    path.write_bytes(b"file")
    write_card(_card(run), str(path), {"student.tflite": path})
    assert card_path(str(path)) == f"{path}.json"
    assert verify_card(str(path))["files"]["student.tflite"]["bytes"] == 4
    path.write_bytes(b"life")
    with pytest.raises(InputError, match="is damaged"):
        verify_card(str(path))


def test_signatures_are_read_from_the_saved_model(tmp_path):
    module = tf.Module()
    module.f = tf.function(
        lambda x: {"y": tf.cast(x, tf.float32)}, input_signature=[tf.TensorSpec([None, 3], tf.uint8, "x")]
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"features": module.f})
    assert signatures_of(str(tmp_path)) == {
        "features": {
            "inputs": {"x": {"dtype": "uint8", "shape": [None, 3]}},
            "outputs": {"y": {"dtype": "float32", "shape": [None, 3]}},
        }
    }


def test_bytes_are_counted_by_form():
    tensors = {name: Plain(np.zeros(5, np.float32)) for name in "ab"}
    tensors["c"] = Codebook(np.zeros((4, 4), np.uint8), np.zeros(256, np.float32))
    assert bytes_by_kind(tensors) == {"plain": 40, "codebook": 16 + 1024}
