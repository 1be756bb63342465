import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.bidirectional_stack import BidirectionalStack

FRAMES = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
NUM_FRAMES = np.array([4, 2], "int32")


@pytest.mark.parametrize(("cell", "units"), [("lstm", 6), ("gru", 7)])
def test_the_top_layer_sees_both_directions_frame_by_frame(cell, units):
    stack = BidirectionalStack(cell, units)
    stack.build(FRAMES.shape)
    outputs = ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES))
    states = ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES, return_states=True)[1])
    assert stack.compute_output_shape(FRAMES.shape) == outputs.shape == (2, units)
    for row, count in enumerate(NUM_FRAMES):
        frames, everything = FRAMES[row : row + 1, :count], np.array([count])
        forward = ops.convert_to_numpy(stack.forward_layer(frames, everything)[0])
        backward = ops.convert_to_numpy(stack.backward_layer(frames[:, ::-1].copy(), everything)[0])[:, ::-1]
        both = np.concatenate([forward, backward], axis=-1)
        expected = [ops.convert_to_numpy(stack.top(both, np.array([read])))[0] for read in range(1, count + 1)]
        np.testing.assert_allclose(outputs[row], expected[-1], atol=1e-6)
        np.testing.assert_allclose(states[row, :count], expected, atol=1e-6)


def test_the_last_cell_state_can_come_out():
    stack = BidirectionalStack("lstm", 6, "last_c")
    stack.build(FRAMES.shape)
    cell_state = ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES))
    stack.top.state_output = "last_h"
    assert (np.abs(cell_state) > np.abs(ops.convert_to_numpy(stack(FRAMES, NUM_FRAMES)))).all()


@pytest.mark.parametrize("options", [{"units": 1}, {"units": 4, "state_output": "every_h"}])
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="at least 2 and state_output last_h or last_c"):
        BidirectionalStack("gru", **options)
