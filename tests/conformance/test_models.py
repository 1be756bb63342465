"""The catalogue: every registered model, in a small size, through everything a model must be able to do."""

import functools
import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
from keras import ops

import yt8m_distill.layers
import yt8m_distill.models
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import VideoClassifier, build_model
from yt8m_distill.spec import FeatureSpec

SMALL_NEXTVLAD = {"nextvlad_cluster_size": 4, "nextvlad_hidden_size": 16, "groups": 4}
SMALL_NETVLAD = {"netvlad_cluster_size": 4, "netvlad_hidden_size": 16}
SMALL_FV = {"fv_cluster_size": 4, "fv_hidden_size": 16}
SMALL_DBOF = {"dbof_cluster_size": 16, "dbof_hidden_size": 16}

# {registered name: the numbers that make it small}
CATALOGUE = {
    "DBoF": {**SMALL_DBOF, "dbof_add_batch_norm": False, "iterations": 3},
    "DBoF_tiny": SMALL_DBOF,
    "FrameAttention": {"attention_units": 16, "attention_score_units": 0},
    "FrameAttention_tiny": {"attention_units": 16, "attention_heads": 2, "attention_score_units": 4},
    "GatedDBoF_3684_920": SMALL_DBOF,
    "GatedDBoF_4096_1024": {**SMALL_DBOF, "dbof_add_batch_norm": False},
    "GatedDBoF_6144_1536": {**SMALL_DBOF, "dbof_relu": True},
    "GatedDBoF_tiny": {**SMALL_DBOF, "fc_dimred": False},
    "SoftDBoF": {**SMALL_DBOF, "softdbof_maxpool": True},
    "SoftDBoF_tiny": {**SMALL_DBOF, "dbof_add_batch_norm": False},
    "FASTGRU": {"clip_positions": 4, "expensive_every": 0, "fast_gru_channels": 8},
    "FASTGRU_tiny": {"clip_aggregation": "concat", "clip_positions": 4, "fast_gru_channels": 16},
    "FVNet_96_1540": SMALL_FV,
    "FrameLevelLogistic": {
        "gating": "batch_norm",
        "gating_remove_diag": True,
        "iterations": 3,
        "moe_prob_gating": True,
        "pca_eigenvalues": tuple(range(16)),
    },
    "BidirectionalGRU": {"gru_cells": 8, "gating": "plain"},
    "BidirectionalGRU_tiny": {"gru_cells": 8},
    "BidirectionalLSTM": {"lstm_cells": 8},
    "BidirectionalLSTM_tiny": {"lstm_cells": 8, "state_output": "last_h"},
    "DualPathGRU": {"gru_cells": 8},
    "DualPathGRU_tiny": {"gru_cells": 8},
    "GRU": {"gru_cells": 8},
    "GRU_tiny": {"gru_cells": 8, "gru_backward": True, "state_output": "last_h"},
    "HRNN": {"lstm_cells": 8, "max_num_frames": 20, "num_inputs_to_lstm": 5},
    "HRNN_student_30": {"lstm_cells": 8, "num_inputs_to_lstm": 15},
    "HRNN_tiny": {"lstm_cells": 8, "num_inputs_to_lstm": 100},
    "LSTM": {"lstm_cells": 8},
    "LSTM_tiny": {"lstm_cells": 8, "lstm_layers": 2, "lstm_backward": True, "state_output": "every_state"},
    "HiddenLayer": {"num_hidden_units": 16, "hidden_batch_norm": True, "input_dropout": 0.1},
    "HiddenLayer_tiny": {},
    "Logistic": {},
    "MoE": {},
    "MixNeXtVLAD": {**SMALL_NEXTVLAD, "mix_number": 2},
    "MixNeXtVLAD_tiny": SMALL_NEXTVLAD,
    "NeXtVLAD": {**SMALL_NEXTVLAD, "head_hidden_units": 12, "input_batch_norm": True, "normalization": "modality"},
    "NeXtVLAD_MoE": {
        **SMALL_NEXTVLAD,
        "moe_low_rank_gating": 3,
        "moe_prob_gating": True,
        "moe_prob_gating_input": "input",
    },
    "LightVLAD": {**SMALL_NETVLAD, "netvlad_add_batch_norm": False, "gating": "plain"},
    "LightVLAD_tiny": SMALL_NETVLAD,
    "NetFV": SMALL_FV,
    "NetFV_tiny": {**SMALL_FV, "netvlad_add_batch_norm": False, "drop_rate": 0.1},
    "NetVLAD": SMALL_NETVLAD,
    "NetVLAD_192_992": SMALL_NETVLAD,
    "NetVLAD_tiny": {**SMALL_NETVLAD, "netvlad_add_batch_norm": False, "drop_rate": 0.1},
    "NetVLAGD": SMALL_NETVLAD,
    "NetVLAGD_tiny": {**SMALL_NETVLAD, "netvlad_relu": False},
    "NeXtVLAD_tiny": SMALL_NEXTVLAD,
}
RECURRENT = ("LSTM", "GRU", "BidirectionalLSTM", "BidirectionalGRU", "DualPathGRU", "HRNN", "FASTGRU")
ORDER_OF_FRAMES_MATTERS = {*RECURRENT, *(f"{name}_tiny" for name in RECURRENT), "HRNN_student_30"}
DROPOUTS = ("drop_rate", "hidden_dropout", "input_dropout")
CLASSES = 7


def config_of(name, dropout=True):
    config = registry.model_config(name, **CATALOGUE[name])
    off = {} if dropout else {field: 0.0 for field in DROPOUTS if field in config.fields}
    return registry.model_config(name, **{**CATALOGUE[name], **off})


def spec_of(name):
    return FeatureSpec(sizes=(16, 8), num_classes=CLASSES, level=config_of(name).level)


def small(name, dropout=True):
    return build_model(config_of(name, dropout), spec_of(name), seed=3)


@functools.cache
def shared(name):
    """A model that no test may change: building takes longer than most of what is tested."""
    return small(name)


def batch_of(name, num_frames=(6, 2, 1, 4), rows=6, seed=0):
    rng = np.random.default_rng(seed)
    sizes = spec_of(name).size_by_name
    if not spec_of(name).has_frames:
        return {key: rng.normal(size=(len(num_frames), size)).astype("float32") for key, size in sizes.items()}
    frames = {key: rng.integers(0, 256, (len(num_frames), rows, size)).astype("uint8") for key, size in sizes.items()}
    return {**frames, "num_frames": np.array(num_frames, "int32")}


def predict(model, batch, **options):
    return {key: ops.convert_to_numpy(value) for key, value in model(batch, **options).items()}


def frame_level(names):
    return [name for name in names if registry.model_config(name).level == "frame"]


every_model = pytest.mark.parametrize("name", registry.names())
every_frame_level_model = pytest.mark.parametrize("name", frame_level(registry.names()))
needs_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs the TensorFlow backend")


def test_the_catalogue_holds_every_registered_model():
    assert sorted(CATALOGUE, key=str.lower) == registry.names()


@every_model
def test_outputs_are_probabilities_and_a_representation(name):
    model = shared(name)
    outputs = predict(model, batch_of(name))
    assert outputs["predictions"].shape == (4, CLASSES)
    assert outputs["predictions"].dtype == "float32"
    assert ((outputs["predictions"] >= 0) & (outputs["predictions"] <= 1)).all()
    assert outputs["representation"].shape == (4, model.aggregator.compute_output_shape(_shapes(name))[-1])
    again = ops.convert_to_numpy(model.head(outputs["representation"]))
    np.testing.assert_allclose(again, outputs["predictions"], atol=1e-6)


def _shapes(name):
    return {key: array.shape for key, array in batch_of(name).items() if key != "num_frames"}


@every_model
def test_other_keys_of_a_batch_are_ignored(name):
    model, batch = shared(name), batch_of(name)
    labelled = predict(model, {**batch, "labels": np.array([[1], [2], [3], [-1]])})
    np.testing.assert_array_equal(labelled["predictions"], predict(model, batch)["predictions"])


@every_model
def test_a_missing_feature_is_named(name):
    batch = batch_of(name)
    del batch["audio"]
    with pytest.raises(ValueError, match="lacks audio"):
        shared(name)(batch)


def padded(batch, rows, seed):
    """`batch` with other bytes in its padding and more padded rows."""
    rng = np.random.default_rng(seed)
    result = {"num_frames": batch["num_frames"]}
    for key in batch.keys() - {"num_frames"}:
        videos, old_rows, size = batch[key].shape
        result[key] = rng.integers(0, 256, (videos, rows, size)).astype("uint8")
        for video, count in enumerate(batch["num_frames"]):
            result[key][video, : min(count, old_rows)] = batch[key][video, :count]
    return result


@every_frame_level_model
def test_padded_frames_change_nothing(name):
    model, batch = small(name, dropout=False), batch_of(name)
    before = [ops.convert_to_numpy(variable) for variable in model.variables]
    for training in (False, True):
        results = []
        for padding in (batch, padded(batch, rows=11, seed=8)):
            for variable, value in zip(model.variables, before, strict=True):
                variable.assign(value)
            results.append([*predict(model, padding, training=training).values(), *model.get_weights()])
        for expected, actual in zip(*results, strict=True):
            # Sums of another length round otherwise, and batch norm over four videos enlarges that.
            np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@every_frame_level_model
def test_padded_float_frames_change_nothing(name):
    batch = batch_of(name)
    frames = {key: array.astype("float32") / 100 for key, array in batch.items() if key != "num_frames"}
    model = shared(name)
    expected = predict(model, {**frames, "num_frames": batch["num_frames"]})
    for array in frames.values():
        for video, count in enumerate(batch["num_frames"]):
            array[video, count:] = 77.0
    actual = predict(model, {**frames, "num_frames": batch["num_frames"]})
    np.testing.assert_allclose(actual["predictions"], expected["predictions"], atol=1e-6)


@every_frame_level_model
def test_any_number_of_frames_gives_finite_numbers(name):
    model = small(name)
    for num_frames, rows in [((0, 0), 3), ((0, 0), 0), ((1, 1), 1), ((40, 1), 40)]:
        for training in (False, True):
            outputs = predict(model, batch_of(name, num_frames, rows), training=training)
            assert all(np.isfinite(value).all() for value in outputs.values()), (num_frames, rows, training)


@pytest.mark.parametrize(
    "name", [name for name in frame_level(registry.names()) if name not in ORDER_OF_FRAMES_MATTERS]
)
def test_the_order_of_the_frames_changes_nothing(name):
    batch = batch_of(name, num_frames=(6, 6, 6, 6))
    order = np.random.default_rng(1).permutation(6)
    shuffled = {key: array[:, order] if array.ndim == 3 else array for key, array in batch.items()}
    model = shared(name)
    np.testing.assert_allclose(predict(model, shuffled)["predictions"], predict(model, batch)["predictions"], atol=2e-6)


@every_model
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name):
    first = shared(name).get_weights()
    again, other = (build_model(config_of(name), spec_of(name), seed=seed).get_weights() for seed in (3, 4))
    assert all((one == same).all() for one, same in zip(first, again, strict=True))
    assert any((one != different).any() for one, different in zip(first, other, strict=True))


@every_model
def test_one_step_moves_every_weight_and_lowers_the_loss(name):
    model, batch = small(name, dropout=False), batch_of(name)
    labels = {"predictions": np.random.default_rng(1).integers(0, 2, (4, CLASSES)).astype("float32")}
    loss = {"predictions": "binary_crossentropy"}
    # Tracing and compiling would take longer than all steps.
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, run_eagerly=True, jit_compile=False)
    before = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    losses = [float(model.train_on_batch(batch, labels)) for _ in range(3)]
    assert losses[-1] < losses[0]
    for variable, old in zip(model.trainable_variables, before, strict=True):
        new = ops.convert_to_numpy(variable)
        assert np.isfinite(new).all(), variable.path
        assert (new != old).any(), f"{variable.path} has no gradient"


@every_model
def test_a_stateless_call_equals_a_call(name):
    model, batch = shared(name), batch_of(name)
    outputs, _ = model.stateless_call(
        [variable.value for variable in model.trainable_variables],
        [variable.value for variable in model.non_trainable_variables],
        batch,
    )
    predictions = ops.convert_to_numpy(outputs["predictions"])
    np.testing.assert_allclose(predictions, predict(model, batch)["predictions"], atol=1e-6)


@every_model
def test_a_saved_keras_file_gives_the_same_model(name, tmp_path):
    model, batch = small(name), batch_of(name)
    model(batch, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, VideoClassifier)
    assert [weight.path for weight in loaded.weights] == [weight.path for weight in model.weights]
    np.testing.assert_array_equal(predict(loaded, batch)["predictions"], predict(model, batch)["predictions"])


@needs_tensorflow
@every_model
def test_a_checkpoint_holds_the_whole_model(name, tmp_path):
    import tensorflow as tf

    model, batch = small(name), batch_of(name)
    model(batch, training=True)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    other = build_model(config_of(name), spec_of(name), seed=99)
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    assert len(model.variables) == len(other.variables)
    for expected, actual in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(actual, expected, err_msg=expected.path)
    expected, actual = (predict(which, batch, training=True)["predictions"] for which in (model, other))
    np.testing.assert_array_equal(actual, expected)


@needs_tensorflow
@every_model
def test_a_saved_model_takes_any_batch_and_any_number_of_frames(name, tmp_path):
    import tensorflow as tf

    model, batch = shared(name), batch_of(name)
    signature = {
        key: tf.TensorSpec((None,) * (array.ndim - 1) + (array.shape[-1] if array.ndim > 1 else None,), array.dtype)
        for key, array in batch.items()
    }
    module = tf.Module()
    module.model = model
    module.predict = tf.function(lambda inputs: model(inputs, training=False), input_signature=[signature])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    for other in (batch, batch_of(name, num_frames=(9, 3), rows=9)):
        outputs = loaded.predict({key: tf.constant(array) for key, array in other.items()})
        np.testing.assert_allclose(outputs["predictions"], predict(model, other)["predictions"], atol=1e-6)
    whole = {key: tf.constant(array) for key, array in batch_of(name, num_frames=(300, 1), rows=300).items()}
    assert np.isfinite(loaded.predict(whole)["predictions"]).all()


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def mixed_precision(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param.removeprefix("mixed_")
    keras.config.set_dtype_policy("float32")


@every_model
def test_mixed_precision_stays_near_float32(name, mixed_precision):
    model, batch = small(name), batch_of(name)
    outputs = model(batch)
    assert keras.backend.standardize_dtype(outputs["predictions"].dtype) == "float32"
    assert keras.backend.standardize_dtype(outputs["representation"].dtype) == mixed_precision
    keras.config.set_dtype_policy("float32")
    exact = predict(shared(name), batch)  # of the same seed, so of the same weights
    np.testing.assert_allclose(ops.convert_to_numpy(outputs["predictions"]), exact["predictions"], atol=0.03)
    if mixed_precision == "float16":  # the one that overflows
        assert np.isfinite(predict(model, batch_of(name, (0, 1), 1), training=True)["predictions"]).all()


def public_layers():
    """Every layer class that `yt8m_distill.layers` and `yt8m_distill.models` define."""
    found = set()
    for package in (yt8m_distill.layers, yt8m_distill.models):
        for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(info.name)
            classes = [value for _, value in inspect.getmembers(module, inspect.isclass)]
            found |= {c for c in classes if c.__module__ == info.name and issubclass(c, keras.layers.Layer)}
    return found


@functools.cache
def layers_in_use():
    """One layer of each class, from the models of the catalogue."""
    models = [shared(name) for name in CATALOGUE]
    models.append(build_model(registry.model_config("MoE", normalization="modality"), spec_of("MoE")))
    return {type(layer): layer for model in models for layer in model._flatten_layers()}


def test_every_layer_is_part_of_some_model_of_the_catalogue():
    assert public_layers() <= layers_in_use().keys()


@pytest.mark.parametrize("layer_class", sorted(public_layers(), key=lambda c: c.__name__), ids=lambda c: c.__name__)
def test_get_config_covers_the_arguments_of_the_constructor(layer_class):
    layer = layers_in_use()[layer_class]
    arguments = inspect.signature(layer_class.__init__).parameters
    names = [name for name, argument in arguments.items() if argument.kind is argument.POSITIONAL_OR_KEYWORD]
    config = layer.get_config()
    assert set(names[1:]) <= config.keys()
    again = layer_class.from_config(config)
    assert keras.saving.serialize_keras_object(again) == keras.saving.serialize_keras_object(
        layer_class.from_config(config)
    )
    assert keras.saving.get_registered_name(layer_class) == f"yt8m_distill>{layer_class.__name__}"
