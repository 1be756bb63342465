"""The gradients that the recurrent layers compute themselves, against difference quotients."""

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers import recurrence
from yt8m_distill.layers.gru import GRU
from yt8m_distill.layers.lstm import LSTM
from yt8m_distill.layers.reverse_frames import reverse_frames

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(2, 5, 3)).astype("float32")
NUM_FRAMES = np.array([5, 2], "int32")
STEP = 1e-2


class Probe(keras.Model):
    """A scalar of every output and every final state, with weights of its own for the frames."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        layer.build((None, None, 3))
        self.frames = self.add_weight(FRAMES.shape, name="frames")
        self.frames.assign(FRAMES)
        self.built = True

    def call(self, num_frames):
        options = {"return_cells": True} if isinstance(self.layer, LSTM) else {}
        frames = reverse_frames(ops.copy(self.frames), num_frames)
        parts = keras.tree.flatten(self.layer(frames, num_frames, **options))
        scales = [0.3 * (index + 1) for index in range(len(parts))]
        return sum(ops.sum(ops.sin(part * scale + scale)) for part, scale in zip(parts, scales, strict=True))


def descent(probe):
    """The gradients of all weights, from one step of plain gradient descent."""
    probe.compile(optimizer=keras.optimizers.SGD(STEP), loss=lambda _, y: y, jit_compile=False)
    before = [ops.convert_to_numpy(weight) for weight in probe.trainable_variables]
    probe.train_on_batch(NUM_FRAMES, np.zeros(2, "float32"))
    after = [ops.convert_to_numpy(weight) for weight in probe.trainable_variables]
    for weight, old in zip(probe.trainable_variables, before, strict=True):
        weight.assign(old)
    return [(old - new) / STEP for old, new in zip(before, after, strict=True)]


@pytest.mark.parametrize("layer_class", [LSTM, GRU])
def test_the_gradients_are_the_slopes(layer_class):
    keras.utils.set_random_seed(0)
    probe = Probe(layer_class(4))
    assert len(probe.trainable_variables) in (4, 7)
    for weight, gradient in zip(probe.trainable_variables, descent(probe), strict=True):
        value = ops.convert_to_numpy(weight)
        direction = RNG.choice([-1.0, 1.0], value.shape).astype("float32")
        sums = []
        for sign in (1, -1):
            weight.assign(value + sign * STEP * direction)
            sums.append(float(probe(NUM_FRAMES)))
        weight.assign(value)
        slope = (sums[0] - sums[1]) / (2 * STEP)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=5e-3, atol=5e-3, err_msg=weight.path)


def test_reversed_frames_keep_their_padding():
    reversed_ = ops.convert_to_numpy(reverse_frames(FRAMES, NUM_FRAMES))
    np.testing.assert_array_equal(reversed_[0], FRAMES[0, ::-1])
    np.testing.assert_array_equal(reversed_[1], FRAMES[1, [1, 0, 2, 3, 4]])
    np.testing.assert_array_equal(ops.convert_to_numpy(reverse_frames(reversed_, NUM_FRAMES)), FRAMES)


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3)])
def test_nothing_can_be_reversed(shape):
    assert tuple(reverse_frames(np.zeros(shape, "float32"), np.zeros(shape[0], "int32")).shape) == shape


def test_a_loop_always_has_a_row():
    assert tuple(recurrence.time_major(FRAMES).shape) == (5, 2, 3)
    assert tuple(recurrence.time_major(FRAMES[:, :0]).shape) == (1, 2, 3)


def test_more_frames_than_rows_end_at_the_last_row():
    states = ops.reshape(ops.arange(12, dtype="float32"), (3, 2, 2))
    final = recurrence.final_state(states, np.array([9, 1]), "float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(final), [[8, 9], [2, 3]])
