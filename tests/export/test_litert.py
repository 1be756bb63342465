import dataclasses
import os

import numpy as np
import pytest
import tensorflow as tf
from made_runs import FRAME, VIDEO

from yt8m_distill.errors import InputError
from yt8m_distill.export import litert
from yt8m_distill.export.litert import TOLERANCES, export_litert, litert_predictor
from yt8m_distill.export.litert_weights import quantize_rows, store_weights
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model

STUDENT = dataclasses.replace(FRAME, sampled_frames=5)


@pytest.fixture(scope="module")
def model():
    return build_model(registry.model_config("NeXtVLAD_tiny"), STUDENT, seed=5)


@pytest.fixture(scope="module")
def plain(model):
    """A file of `model` with float32 weights."""
    return litert._convert(model, STUDENT)


def _features(num_frames, seed=0):
    random = np.random.default_rng(seed)
    frames = {
        name: random.integers(0, 256, (1, 5, size)).astype(np.uint8) for name, size in (("rgb", 16), ("audio", 8))
    }
    return {**frames, "num_frames": np.array([num_frames], np.int32)}


def _predictions(content, features):
    return litert_predictor(content)(**features)["predictions"]


@pytest.mark.parametrize("kind", ["int8", "float16", "float32"])
def test_a_file_answers_as_its_model_does(kind, model, plain, tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "_convert", lambda *_: plain)
    path = str(tmp_path / "student.tflite")
    report = export_litert(model, STUDENT, path, kind=kind, min_elements=256)
    assert os.listdir(tmp_path) == ["student.tflite"]
    assert report.num_bytes == os.path.getsize(path)
    assert report.frames == 5
    assert 0 < report.difference <= TOLERANCES[kind]
    features = _features(3)
    own = np.asarray(model(features, training=False)["predictions"])
    with open(path, "rb") as file:
        served = _predictions(file.read(), features)
    assert served.shape == own.shape == (1, 12)
    np.testing.assert_allclose(served, own, atol=TOLERANCES[kind])


def test_what_padding_holds_changes_nothing(plain):
    features = _features(3)
    other = {**features, "rgb": features["rgb"].copy()}
    other["rgb"][:, 3:] ^= 255
    np.testing.assert_array_equal(_predictions(plain, features), _predictions(plain, other))


@pytest.mark.parametrize("limit", [1, 6])  # which clipping of integers LiteRT has depends on the limit
def test_no_more_frames_count_than_there_are(limit):
    spec = dataclasses.replace(STUDENT, sampled_frames=limit)
    model = build_model(registry.model_config("FrameLevelLogistic"), spec, seed=5)
    content = litert._convert(model, spec)
    assert litert.largest_difference(model, spec, content) <= TOLERANCES["float32"]
    features = {name: np.full((1, limit, size), 200, np.uint8) for name, size in spec.size_by_name.items()}
    for said, there in ((limit + 15, limit), (-1, 0)):
        counts = [{**features, "num_frames": np.array([count], np.int32)} for count in (said, there)]
        np.testing.assert_array_equal(*(_predictions(content, one) for one in counts))


def test_a_file_that_counts_frames_that_are_not_there_is_found(tmp_path, monkeypatch):
    model = build_model(registry.model_config("FrameLevelLogistic"), STUDENT, seed=5)
    monkeypatch.setattr(litert, "_within_rows", lambda features, spec: features)
    _bad(model, tmp_path, "predictions differ from the model's by", kind="float16")
    assert os.listdir(tmp_path) == []


# Loops over frames, and second moments of clusters: other operators of LiteRT than those of NeXtVLAD.
@pytest.mark.parametrize("name", ["LSTM_tiny", "NetFV_tiny"])
def test_families_are_made_of_operators_that_litert_has(name, tmp_path):
    model = build_model(registry.model_config(name), STUDENT, seed=5)
    report = export_litert(model, STUDENT, str(tmp_path / "a.tflite"), min_elements=256)
    assert report.difference <= TOLERANCES["int8"]


def test_chunks_of_six_frames_need_no_relu6_of_integers(tmp_path):
    spec = dataclasses.replace(STUDENT, sampled_frames=12)
    config = registry.model_config("HRNN_tiny", lstm_cells=4, max_num_frames=12, num_inputs_to_lstm=2)
    model = build_model(config, spec, seed=5)
    report = export_litert(model, spec, str(tmp_path / "a.tflite"), min_elements=64)
    assert report.difference <= TOLERANCES["int8"]


def test_a_video_level_model_has_a_file_too(tmp_path):
    model = build_model(registry.model_config("HiddenLayer_tiny"), VIDEO, seed=5)
    assert export_litert(model, VIDEO, str(tmp_path / "a.tflite"), kind="float32").frames == 0


def _product(weights):
    """A file whose one signature multiplies a vector `x` and `weights`, with the result `y`."""
    module = tf.Module()
    vector = tf.TensorSpec([1, len(weights)], tf.float32, "x")
    module.product = tf.function(lambda x: {"y": x @ tf.constant(weights)}, input_signature=[vector])
    function = module.product.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()


@pytest.fixture(scope="module")
def matrix():
    """A file of a product with a matrix of 512 x 64, and the matrix as the file holds it: 64 x 512."""
    weights = np.random.default_rng(3).normal(size=(64, 512)).astype(np.float32)
    return _product(weights.T), weights


def test_eight_bits_take_a_quarter_and_float16_a_half(matrix):
    content, weights = matrix
    rest = len(content) - weights.nbytes
    assert len(store_weights(content, "int8")) < weights.nbytes / 4 + 12 * 64 + 2 * rest
    assert len(store_weights(content, "float16")) < weights.nbytes / 2 + 2 * rest


def test_a_file_computes_in_floats_with_its_codes_times_their_steps(matrix):
    content, weights = matrix
    codes, steps = quantize_rows(weights)
    x = np.random.default_rng(4).normal(size=(1, 512)).astype(np.float32)
    served = litert_predictor(store_weights(content, "int8"))(x=x)["y"]
    np.testing.assert_allclose(served, x @ (codes * steps[:, None]).T, rtol=1e-5, atol=1e-5)


def test_codes_are_at_most_half_a_step_away():
    weights = np.random.default_rng(0).normal(size=(7, 50)).astype(np.float32) * np.arange(7)[:, None]
    codes, steps = quantize_rows(weights.astype(np.float32))
    assert codes.dtype == np.int8
    assert steps.shape == (7,)
    assert (np.abs(codes * steps[:, None] - weights).max(axis=1) <= steps * 0.5001).all()
    assert not codes[0].any()  # the row of zeros
    assert quantize_rows(np.full((3, 2, 2), -2, np.float32))[0].tolist() == np.full((3, 2, 2), -127).tolist()


def test_what_float16_cannot_hold_stays_float32():
    content = store_weights(_product(np.full((64, 64), 1e6, np.float32)), "float16")
    np.testing.assert_allclose(litert_predictor(content)(x=np.ones((1, 64), np.float32))["y"], 64e6)


def _nan_for_more_frames_than_rows(content):
    right = litert_predictor(content)

    def predict(**features):
        predictions = right(**features)["predictions"]
        return {"predictions": predictions if features["num_frames"] <= 5 else np.full_like(predictions, np.nan)}

    return predict


def test_nan_for_the_last_of_the_videos_tried_is_not_kept(model, plain, tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "_convert", lambda *_: plain)
    monkeypatch.setattr(litert, "litert_predictor", _nan_for_more_frames_than_rows)
    _bad(model, tmp_path, "predictions differ from the model's by nan", kind="float32")
    assert os.listdir(tmp_path) == []


def _bad(model, tmp_path, message, name="a.tflite", **options):
    with pytest.raises(InputError, match=message):
        export_litert(model, STUDENT, str(tmp_path / name), **options)


def test_bad_input_is_said_before_the_work_and_nothing_is_written(model, plain, tmp_path, monkeypatch):
    _bad(model, tmp_path, "--litert_kind=int4: expected one of int8, float16, float32", kind="int4")
    _bad(model, tmp_path, "ends in .tflite", name="a.bin")
    _bad(model, tmp_path, "no folder", name="none/a.tflite")
    monkeypatch.setattr(litert, "_convert", lambda *_: plain)
    too_large = "over budget: .*: choose {} or raise --size_budget_mb. Nothing was written"
    _bad(model, tmp_path, too_large.format("a smaller model"), budget_mib=0.01)
    _bad(model, tmp_path, too_large.format("--litert_kind=int8, float16,"), budget_mib=0.01, kind="float32")
    monkeypatch.setattr(litert, "TOLERANCES", {"int8": 1e-9})
    _bad(model, tmp_path, "differ from the model's by .* choose another --litert_kind", min_elements=256)
    assert os.listdir(tmp_path) == []
    (tmp_path / "a.tflite").write_bytes(b"mine")
    _bad(model, tmp_path, "exists: give another --litert_file, or --overwrite")
    assert (tmp_path / "a.tflite").read_bytes() == b"mine"
    (tmp_path / "b.tflite.json").mkdir()
    _bad(model, tmp_path, "b.tflite.json is a directory", name="b.tflite", overwrite=True)
    (tmp_path / "c.tflite.json").write_bytes(b"mine")
    _bad(model, tmp_path, "c.tflite.json exists: give another --litert_file, or --overwrite", name="c.tflite")
    assert (tmp_path / "c.tflite.json").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["a.tflite", "b.tflite.json", "c.tflite.json"]


def test_a_file_that_appears_during_the_work_stays(model, plain, tmp_path, monkeypatch):
    def convert(*_):
        (tmp_path / "a.tflite").write_bytes(b"mine")
        return plain

    monkeypatch.setattr(litert, "_convert", convert)
    _bad(model, tmp_path, "a.tflite exists: give another --litert_file, or --overwrite")
    assert (tmp_path / "a.tflite").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a.tflite"]


def test_a_file_without_its_card_is_not_kept(model, plain, tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "_convert", lambda *_: plain)

    def fail(report, path):
        assert os.path.getsize(path) == report.num_bytes
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_litert(model, STUDENT, str(tmp_path / "a.tflite"), finish=fail)
    assert os.listdir(tmp_path) == []


def test_operators_that_litert_lacks_are_named(model, tmp_path):
    class Clipped:
        name, weights = "Clipped", []

        def __call__(self, features, training):
            return {"predictions": tf.clip_by_value(features["num_frames"], 0, 6)}

    _bad(Clipped(), tmp_path, "Clipped cannot be a LiteRT file: LiteRT's own operators lack Relu6")  # of integers
