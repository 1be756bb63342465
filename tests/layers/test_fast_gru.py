import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.fast_gru import FastGRU

RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(4, 6, 3, 8)).astype("float32")
NUM_FRAMES = np.array([6, 2, 1, 0], "int32")


def built(channels=8, reduction=4, **options):
    layer = FastGRU(reduction, **options)
    layer.build((None, None, None, channels))
    for weight in layer.weights:
        weight.assign(RNG.normal(size=weight.shape))
    return layer


def run(layer, clips, num_frames):
    return ops.convert_to_numpy(ops.cast(layer(clips, np.asarray(num_frames, "int32")), "float32"))


def arrays(layer):
    return {weight.name: ops.convert_to_numpy(weight).astype("float64") for weight in layer.weights}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_fast_gru(weights, x):
    """Equations 1, 3 and 4 for one video's clips (clips, positions, channels), one matrix at a time: every state."""
    narrow = weights["read_kernel"].shape[0]
    u_rx, u_zx, v_x = np.split(weights["input_kernel"], [narrow, 2 * narrow], axis=1)
    u_ro, u_zo = np.split(weights["state_kernel"], 2, axis=1)
    state = x[0].astype("float64")
    states = [state]
    for clip in x[1:].astype("float64"):
        squeezed_r = np.maximum(clip @ u_rx + state @ u_ro, 0)
        squeezed_z = np.maximum(clip @ u_zx + state @ u_zo, 0)
        r, z = sigmoid(squeezed_r @ weights["read_kernel"]), sigmoid(squeezed_z @ weights["update_kernel"])
        candidate = np.tanh(clip @ v_x + (r * state) @ weights["candidate_kernel"])
        state = (1 - z) * state + z * candidate
        states.append(state)
    return states


@pytest.mark.parametrize("reduction", [1, 4, 100])
def test_the_layer_computes_the_published_equations(reduction):
    layer = built(reduction=reduction)
    assert layer.read_kernel.shape[0] == max(8 // reduction, 1)
    states = run(layer, CLIPS, NUM_FRAMES)
    for row, count in enumerate(NUM_FRAMES[:3]):
        np.testing.assert_allclose(states[row], plain_fast_gru(arrays(layer), CLIPS[row, :count])[-1], atol=1e-5)


def test_the_first_clip_is_the_first_state():
    states = run(built(), CLIPS, [1, 1, 1, 0])
    np.testing.assert_array_equal(states[:3], CLIPS[:3, 0])
    np.testing.assert_array_equal(states[3], np.zeros((3, 8)))


def test_the_state_freezes_after_the_last_clip():
    layer = built()
    np.testing.assert_array_equal(run(layer, CLIPS, [3, 3, 3, 3]), run(layer, CLIPS[:, :3], [3, 3, 3, 3]))
    np.testing.assert_array_equal(run(layer, CLIPS[:, :3], [9, 9, 9, 9]), run(layer, CLIPS[:, :3], [3, 3, 3, 3]))


def test_the_states_on_the_way_are_the_final_states_of_a_shorter_video():
    layer = built()
    last, states = (ops.convert_to_numpy(x) for x in layer(CLIPS, NUM_FRAMES, return_states=True))
    np.testing.assert_array_equal(last, run(layer, CLIPS, NUM_FRAMES))
    for index in range(6):
        np.testing.assert_allclose(states[:, index], run(layer, CLIPS, np.minimum(NUM_FRAMES, index + 1)), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 0, 3, 8), (2, 1, 3, 8), (0, 4, 3, 8)])
def test_there_are_as_many_states_as_clips(shape):
    clips = np.ones(shape, "float32")
    _, states = built()(clips, np.full(shape[0], shape[1]), return_states=True)
    assert tuple(states.shape) == shape


def test_positions_do_not_mix():
    layer = built()
    states = run(layer, CLIPS, NUM_FRAMES)
    np.testing.assert_allclose(run(layer, CLIPS[:, :, 1:2], NUM_FRAMES), states[:, 1:2], atol=1e-6)


@pytest.mark.parametrize(("num_frames", "rows"), [([0, 0, 0], 3), ([0, 0, 0], 0), ([], 4), ([], 0)])
def test_nothing_to_read_gives_the_state_zero(num_frames, rows):
    states = run(built(), CLIPS[: len(num_frames), :rows], num_frames)
    np.testing.assert_array_equal(states, np.zeros((len(num_frames), 3, 8)))


class Weighted(keras.Model):
    """Sum of the last state times fixed weights; the clips come through a matrix whose gradient shows theirs.

    With `every` plus, for t = 1, 2, ..., the sum of the state after clip t times t and times the fixed weights.
    """

    def __init__(self, layer, weights, every):
        super().__init__()
        self.layer, self.state_weights, self.every = layer, ops.convert_to_tensor(weights), every
        self.inlet = keras.layers.Dense(layer.candidate_kernel.shape[0], use_bias=False)

    def call(self, inputs):
        clips, num_frames = self.inlet(inputs["clips"]), inputs["num_frames"]
        if not self.every:
            return ops.sum(self.layer(clips, num_frames) * self.state_weights, axis=(1, 2))[:, None]
        last, states = self.layer(clips, num_frames, return_states=True)
        t = ops.arange(1, ops.shape(clips)[1] + 1)
        weights = ops.cast(ops.where(t[None] <= num_frames[:, None], t[None], 0), "float32")
        total = last + ops.sum(weights[:, :, None, None] * states, axis=1)
        return ops.sum(total * self.state_weights, axis=(1, 2))[:, None]


def plain_loss(weights, inlet, state_weights, clips, num_frames, every):
    videos = [plain_fast_gru(weights, video[:count] @ inlet) for video, count in zip(clips, num_frames, strict=True)]
    factors = [[every * t for t in range(1, len(states) + 1)] for states in videos]
    totals = [states[-1] + sum(map(np.multiply, f, states)) for f, states in zip(factors, videos, strict=True)]
    return sum(np.sum(total * state_weights) for total in totals)


@pytest.mark.parametrize("every", [False, True])
def test_gradients_are_those_of_the_equations(every):
    clips, num_frames, state_weights = CLIPS[:3, :4, :2, :4], np.array([4, 2, 1], "int32"), RNG.normal(size=(2, 4))
    model = Weighted(built(channels=4, reduction=2), state_weights.astype("float32"), every)
    model({"clips": clips, "num_frames": num_frames})
    weights = arrays(model.layer) | {"inlet": ops.convert_to_numpy(model.inlet.kernel).astype("float64")}
    model.compile(keras.optimizers.SGD(1.0), loss=lambda _, sums: ops.sum(sums), jit_compile=False)
    model.train_on_batch({"clips": clips, "num_frames": num_frames}, np.zeros((3, 1), "float32"))
    after = arrays(model.layer) | {"inlet": ops.convert_to_numpy(model.inlet.kernel).astype("float64")}
    for name, array in weights.items():
        expected = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = {key: value.copy() for key, value in weights.items()}
                moved[name][index] += step
                ends.append(plain_loss(moved, moved["inlet"], state_weights, clips, num_frames, every))
            expected[index] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(array - after[name], expected, rtol=1e-3, atol=1e-4, err_msg=name)


def test_the_state_stays_exact_in_half_precision():
    exact, half = built(channels=16), FastGRU(dtype="mixed_bfloat16")
    half.build((None, None, 1, 16))
    for weight in exact.weights:
        weight.assign(RNG.normal(size=weight.shape) / 4)
    half.set_weights(exact.get_weights())
    clips = RNG.normal(size=(2, 40, 1, 16)).astype("float32")
    assert keras.backend.standardize_dtype(half(clips, np.array([40, 40])).dtype) == "bfloat16"
    np.testing.assert_allclose(run(half, clips, [40, 40]), run(exact, clips, [40, 40]), atol=0.05)


def test_output_shape_is_what_compute_output_shape_says():
    layer = built()
    assert layer.compute_output_shape(CLIPS.shape) == tuple(layer(CLIPS, NUM_FRAMES).shape) == (4, 3, 8)


def test_reduction_must_be_positive():
    with pytest.raises(ValueError, match="reduction must be at least 1"):
        FastGRU(0)
