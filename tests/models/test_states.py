"""The intermediate states of every model that has them."""

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(16, 8), num_classes=5)
RNG = np.random.default_rng(0)
NUM_FRAMES = np.array([6, 4, 1, 0], "int32")
BATCH = {name: RNG.integers(0, 256, (4, 6, size)).astype("uint8") for name, size in SPEC.size_by_name.items()}

# {model: (its numbers, the frames read by each state)}
EVERY_FRAME = range(1, 7)
FORWARD = {
    "LSTM": ({"lstm_cells": 4}, EVERY_FRAME),
    "LSTM_tiny": ({"lstm_cells": 4, "state_output": "every_state"}, EVERY_FRAME),
    "GRU": ({"gru_cells": 4}, EVERY_FRAME),
    "HRNN": ({"lstm_cells": 4, "max_num_frames": 20, "num_inputs_to_lstm": 5}, [4, 8]),
    "FASTGRU": ({"fast_gru_channels": 4, "clip_positions": 2}, EVERY_FRAME),
    "FASTGRU_tiny": ({"fast_gru_channels": 4, "clip_aggregation": "lstm"}, EVERY_FRAME),
}
BOTH_WAYS = {
    "BidirectionalLSTM": ({"lstm_cells": 4}, EVERY_FRAME),
    "BidirectionalGRU": ({"gru_cells": 4}, EVERY_FRAME),
    "DualPathGRU": ({"gru_cells": 8}, EVERY_FRAME),
}
every_model = pytest.mark.parametrize("name", [*FORWARD, *BOTH_WAYS])


def build(name):
    return build_model(registry.model_config(name, **{**FORWARD, **BOTH_WAYS}[name][0]), SPEC, seed=1)


def run(model, num_frames=NUM_FRAMES, rows=6, **options):
    batch = {name: frames[:, :rows] for name, frames in BATCH.items()}
    outputs = model({**batch, "num_frames": np.asarray(num_frames, "int32")}, **options)
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


@every_model
def test_states_come_beside_the_same_outputs(name):
    model = build(name)
    outputs = run(model, return_states=True)
    assert model.has_states
    assert outputs["frames_read"].dtype == "int32"
    np.testing.assert_array_equal(outputs["frames_read"], {**FORWARD, **BOTH_WAYS}[name][1])
    assert outputs["states"].shape == (4, len(outputs["frames_read"]), outputs["representation"].shape[1])
    for key, value in run(model).items():
        np.testing.assert_array_equal(outputs[key], value)


@pytest.mark.parametrize("name", FORWARD)
def test_a_state_is_the_representation_of_the_frames_it_has_read(name):
    model = build(name)
    outputs = run(model, return_states=True)
    before = 0
    for index, read in enumerate(outputs["frames_read"]):
        reads_more = before < NUM_FRAMES
        expected = run(model, np.minimum(NUM_FRAMES, read))["representation"]
        np.testing.assert_allclose(outputs["states"][reads_more, index], expected[reads_more], atol=1e-5)
        before = read


@every_model
def test_the_state_after_the_last_frame_is_the_representation(name):
    outputs = run(build(name), return_states=True)
    last = [np.argmax(outputs["frames_read"] >= count) for count in NUM_FRAMES[:3]]
    np.testing.assert_allclose(outputs["states"][range(3), last], outputs["representation"][:3], atol=1e-6)


@every_model
@pytest.mark.parametrize("rows", [0, 1])
def test_states_of_next_to_nothing_are_finite(name, rows):
    outputs = run(build(name), np.minimum(NUM_FRAMES, rows), rows, return_states=True)
    assert outputs["states"].shape[1] == len(outputs["frames_read"]) == rows
    assert np.isfinite(outputs["states"]).all()


@pytest.mark.parametrize("name", ["HRNN", "GRU", "DualPathGRU", "FASTGRU"])
def test_states_are_in_the_compute_dtype(name):
    exact = run(build(name), return_states=True)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        states = build(name)({**BATCH, "num_frames": NUM_FRAMES}, return_states=True)["states"]
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(states.dtype) == "bfloat16"
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(states, "float32")), exact["states"], atol=0.05)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes gradients with TensorFlow")
@every_model
def test_every_state_teaches_the_weights_below(name):
    import tensorflow as tf

    model = build(name)
    with tf.GradientTape() as tape:
        states = model({**BATCH, "num_frames": NUM_FRAMES}, training=True, return_states=True)["states"]
        first = tf.reduce_sum(tf.square(states[:, 0]))
    gradients = tape.gradient(first, model.aggregator.trainable_variables)
    assert any(gradient is not None and np.abs(gradient).max() > 0 for gradient in gradients)
    assert all(gradient is None or np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("FrameLevelLogistic", {}),
        ("LSTM_tiny", {"lstm_backward": True}),
        ("FASTGRU_tiny", {"clip_aggregation": "average"}),
        ("GRU_tiny", {"iterations": 3}),
    ],
)
def test_a_model_without_states_says_which_have_them(name, numbers):
    model = build_model(registry.model_config(name, **numbers), SPEC)
    assert not model.has_states
    with pytest.raises(InputError, match=f"{name} has no intermediate states: LSTM, GRU"):
        run(model, return_states=True)


def test_a_video_level_model_has_no_states():
    model = build_model(registry.model_config("Logistic"), FeatureSpec(sizes=(16, 8), num_classes=5, level="video"))
    with pytest.raises(InputError, match="no intermediate states"):
        model({name: np.ones((2, size), "float32") for name, size in SPEC.size_by_name.items()}, return_states=True)
