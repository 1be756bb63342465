import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.recurrent_stack import RecurrentStack

FRAMES = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
NUM_FRAMES = np.array([4, 2], "int32")


def states_of(cell):
    """A stack of two layers, and every state that it may hand on, from its layers one by one."""
    stack = RecurrentStack(cell, 5, 2)
    stack.build(FRAMES.shape)
    below, first = stack.recurrent_layers[0](FRAMES, NUM_FRAMES)
    _, second = stack.recurrent_layers[1](below, NUM_FRAMES)
    return stack, first, second


@pytest.mark.parametrize("state_output", ["last_h", "last_c", "every_h", "every_state"])
def test_the_states_of_lstms_come_in_the_order_of_the_references(state_output):
    stack, (h_0, c_0), (h_1, c_1) = states_of("lstm")
    parts = {"last_h": [h_1], "last_c": [c_1], "every_h": [h_0, h_1], "every_state": [c_0, h_0, c_1, h_1]}
    stack.state_output = state_output
    outputs = ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES))
    np.testing.assert_array_equal(outputs, ops.convert_to_numpy(ops.concatenate(parts[state_output], axis=-1)))
    assert stack.compute_output_shape(FRAMES.shape) == outputs.shape


@pytest.mark.parametrize("state_output", ["last_h", "every_h"])
def test_the_states_of_grus_come_from_the_lowest_up(state_output):
    stack, h_0, h_1 = states_of("gru")
    stack.state_output = state_output
    outputs = ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES))
    expected = {"last_h": h_1, "every_h": ops.concatenate([h_0, h_1], axis=-1)}[state_output]
    np.testing.assert_array_equal(outputs, ops.convert_to_numpy(expected))
    assert stack.compute_output_shape(FRAMES.shape) == outputs.shape


@pytest.mark.parametrize(
    ("cell", "state_output"),
    [("lstm", "last_h"), ("lstm", "last_c"), ("lstm", "every_h"), ("lstm", "every_state"), ("gru", "every_h")],
)
def test_the_states_on_the_way_are_the_final_states_of_a_shorter_video(cell, state_output):
    stack, *_ = states_of(cell)
    stack.state_output = state_output
    final, states, frames_read = (ops.convert_to_numpy(x) for x in stack(FRAMES, NUM_FRAMES, return_states=True))
    np.testing.assert_array_equal(final, ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES)))
    np.testing.assert_array_equal(frames_read, [1, 2, 3, 4])
    for index, count in enumerate(frames_read):
        shorter = stack(FRAMES, np.minimum(NUM_FRAMES, count))
        valid = count <= NUM_FRAMES
        np.testing.assert_allclose(states[valid, index], ops.convert_to_numpy(shorter)[valid], atol=1e-6)
        np.testing.assert_array_equal(states[~valid, index], np.zeros_like(states[~valid, index]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "rnn", "units": 3}, "cell must be one of lstm, gru"),
        ({"cell": "gru", "units": 3, "state_output": "last_c"}, "state_output of gru must be one of last_h, every_h"),
        ({"cell": "gru", "units": 0}, "at least 1"),
        ({"cell": "lstm", "units": 3, "depth": 0}, "at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentStack(**options)
