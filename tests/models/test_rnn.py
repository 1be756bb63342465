import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import reference_variables
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(6, 2), num_classes=5)
RNG = np.random.default_rng(0)
FEATURES = {name: RNG.normal(size=(3, 4, size)).astype("float32") for name, size in SPEC.size_by_name.items()}
NUM_FRAMES = np.array([4, 2, 1], "int32")


def aggregate(aggregator, features, num_frames=NUM_FRAMES):
    return ops.convert_to_numpy(aggregator(features, num_frames))


def aggregator(name, **overrides):
    return build_model(registry.model_config(name, **overrides), SPEC, seed=1).aggregator


@pytest.mark.parametrize(("name", "cells"), [("LSTM", "lstm"), ("GRU", "gru")])
def test_backward_reads_the_frames_of_each_video_in_reverse(name, cells):
    numbers = {f"{cells}_cells": 4}
    forward = aggregator(name, **numbers)
    backward = aggregator(name, **numbers, **{f"{cells}_backward": True})
    turned = {name: x.copy() for name, x in FEATURES.items()}
    for x in turned.values():
        for row, count in enumerate(NUM_FRAMES):
            x[row, :count] = x[row, :count][::-1]
    np.testing.assert_array_equal(aggregate(backward, FEATURES), aggregate(forward, turned))


def test_all_features_of_a_frame_are_read_together_in_order():
    model = aggregator("LSTM", lstm_cells=4)
    together = np.concatenate([FEATURES["rgb"], FEATURES["audio"]], axis=-1)
    np.testing.assert_array_equal(aggregate(model, FEATURES), aggregate(model, {"both": together}))


def test_published_models_have_their_number_of_weights():
    def lstm(size, units):
        return (size + units + 1) * 4 * units

    spec = FeatureSpec()
    counts = {
        "BidirectionalLSTM": 2 * lstm(1152, 512) + lstm(1024, 1024) + 1025 * 3862,
        "LSTM": lstm(1152, 1024) + lstm(1024, 1024) + 1024 * 3862 * 3 + 1025 * 3862 * 2,
    }
    for name, count in counts.items():
        assert build_model(registry.model_config(name), spec).count_params() == count
    # Table 4 of Skalic and Austin, ECCV-W 2018: 19 MB at one byte a weight.
    assert counts["BidirectionalLSTM"] == 19_171_094


def test_the_bidirectional_lstm_hands_on_c_or_h():
    c, h = (aggregator("BidirectionalLSTM", lstm_cells=4, state_output=state) for state in ("last_c", "last_h"))
    assert (np.abs(aggregate(c, FEATURES)) > np.abs(aggregate(h, FEATURES))).all()


@pytest.mark.parametrize(
    ("overrides", "scope"),
    [({}, "rnn/multi_rnn_cell"), ({"state_output": "every_state"}, "RNN/rnn/multi_rnn_cell")],
)
def test_the_scope_of_the_reference_follows_from_the_states(overrides, scope):
    model = build_model(registry.model_config("LSTM", lstm_cells=4, **overrides), SPEC)
    assert f"{scope}/cell_1/basic_lstm_cell/bias" in reference_variables(model)


def test_the_head_of_h_rnn_lies_in_a_scope_of_its_own():
    names = reference_variables(build_model(registry.model_config("HRNN", lstm_cells=4), SPEC))
    assert {"classifier/gates/weights", "classifier/experts/weights", "classifier/experts/biases"} < names.keys()


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("BidirectionalLSTM", {"lstm_cells": 1}, "--lstm_cells=1: expected at least 2"),
        ("BidirectionalLSTM", {"state_output": "every_h"}, "--state_output=every_h"),
        ("GRU", {"state_output": "last_c"}, "--state_output=last_c"),
        ("LSTM", {"lstm_layers": 0}, "--lstm_layers=0"),
        ("HRNN", {"num_inputs_to_lstm": 7}, "--max_num_frames=300 cannot be cut into --num_inputs_to_lstm=7"),
    ],
)
def test_numbers_that_do_not_fit_are_named(name, overrides, message):
    with pytest.raises(InputError, match=message):
        registry.model_config(name, **overrides)
