import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.concat_aggregation import ConcatAggregation

RNG = np.random.default_rng(0)
CLIPS = RNG.normal(size=(4, 6, 3, 8)).astype("float32")
NUM_FRAMES = np.array([6, 4, 4, 0], "int32")


def built(**options):
    layer = ConcatAggregation(**options)
    layer.build((None, None, None, 8))
    for weight in layer.weights[:6]:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    for kernel in (layer.input_kernel, layer.state_kernel):
        kernel.assign(RNG.normal(size=(8, 8)) / 3)
    return layer


def run(layer, clips, num_frames, **options):
    return ops.convert_to_numpy(ops.cast(layer(clips, np.asarray(num_frames, "int32"), **options), "float32"))


def array(weight):
    return ops.convert_to_numpy(weight).astype("float64")


def plain_concat(layer, clips, num_frames, training=False):
    """Equation 5 in float64: the last states, and the moments and clips of every step."""
    states = clips[:, 0].astype("float64") * (num_frames > 0)[:, None, None]
    moments = []
    for t in range(1, clips.shape[1]):
        sums = states @ array(layer.state_kernel) + clips[:, t] @ array(layer.input_kernel)
        valid = num_frames > t
        mean, variance = array(layer.bn.moving_mean), array(layer.bn.moving_variance)
        if training:
            rows = sums[valid].reshape(-1, sums.shape[-1])
            mean, variance = rows.mean(0), rows.var(0)
            moments.append((len(rows), mean, variance))
        normalised = (sums - mean) / np.sqrt(variance + 1e-3) * array(layer.bn.gamma) + array(layer.bn.beta)
        states[valid] = np.maximum(normalised, 0)[valid]
    return states, moments


def test_evaluation_computes_equation_5_with_the_moving_statistics():
    layer = built()
    before = layer.get_weights()
    expected, _ = plain_concat(layer, CLIPS, NUM_FRAMES)
    np.testing.assert_allclose(run(layer, CLIPS, NUM_FRAMES), expected, rtol=1e-4, atol=1e-4)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_training_normalises_every_step_by_its_valid_clips():
    layer = built()
    expected, _ = plain_concat(layer, CLIPS, NUM_FRAMES, training=True)
    np.testing.assert_allclose(run(layer, CLIPS, NUM_FRAMES, training=True), expected, rtol=1e-4, atol=1e-4)


def test_the_moving_statistics_follow_the_moments_of_the_steps_by_their_clips():
    layer = built()
    layer.bn.updates.assign(0)
    mean, variance = array(layer.bn.moving_mean), array(layer.bn.moving_variance)
    _, moments = plain_concat(layer, CLIPS, NUM_FRAMES, training=True)
    run(layer, CLIPS, NUM_FRAMES, training=True)
    counts = [count for count, _, _ in moments]
    for moving, old, kind in ((layer.bn.moving_mean, mean, 1), (layer.bn.moving_variance, variance, 2)):
        of_steps = np.average([step[kind] for step in moments], axis=0, weights=counts)
        np.testing.assert_allclose(array(moving), old + 0.9 * (of_steps - old), rtol=1e-4)
    assert float(layer.bn.updates) == 1


def test_the_states_on_the_way_are_the_final_states_of_a_shorter_video():
    layer = built()
    last, states = (ops.convert_to_numpy(x) for x in layer(CLIPS, NUM_FRAMES, return_states=True))
    np.testing.assert_array_equal(last, run(layer, CLIPS, NUM_FRAMES))
    for index in range(6):
        np.testing.assert_allclose(states[:, index], run(layer, CLIPS, np.minimum(NUM_FRAMES, index + 1)), atol=1e-6)


def test_the_states_on_the_way_of_training_end_in_the_last():
    last, states = (ops.convert_to_numpy(x) for x in built()(CLIPS, NUM_FRAMES, training=True, return_states=True))
    np.testing.assert_array_equal(states[:, -1], last)
    np.testing.assert_array_equal(states[:3, 0], CLIPS[:3, 0])


@pytest.mark.parametrize(("num_frames", "rows"), [([1, 1, 0], 6), ([0, 0, 0], 0), ([], 4)])
def test_without_a_step_the_moving_statistics_stay(num_frames, rows):
    layer = built()
    before = layer.get_weights()
    states = run(layer, CLIPS[: len(num_frames), :rows], num_frames, training=True)
    expected = CLIPS[: len(num_frames), 0] * (np.array(num_frames, "float32") > 0)[:, None, None]
    np.testing.assert_array_equal(states, expected)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("training", [False, True])
def test_the_state_freezes_after_the_last_clip(training):
    short, long = built(), built()
    long.set_weights(short.get_weights())
    counts = np.full(4, 3)
    shorter = run(short, CLIPS[:, :3], counts, training=training)
    np.testing.assert_allclose(run(long, CLIPS, counts, training=training), shorter, atol=1e-6)
    for old, new in zip(short.get_weights(), long.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6)


def test_a_frozen_layer_keeps_its_statistics():
    layer = built()
    layer.trainable = False
    np.testing.assert_array_equal(run(layer, CLIPS, NUM_FRAMES, training=True), run(layer, CLIPS, NUM_FRAMES))


def test_half_precision_keeps_the_statistics_exact():
    exact, half = built(), ConcatAggregation(dtype="mixed_bfloat16")
    half.build((None, None, None, 8))
    half.set_weights(exact.get_weights())
    states = [run(layer, CLIPS, NUM_FRAMES, training=True) for layer in (exact, half)]
    np.testing.assert_allclose(states[1], states[0], atol=0.1)
    assert keras.backend.standardize_dtype(half(CLIPS, NUM_FRAMES).dtype) == "bfloat16"
    np.testing.assert_allclose(array(half.bn.moving_mean), array(exact.bn.moving_mean), atol=0.02)


def test_output_shape_is_what_compute_output_shape_says():
    layer = built()
    assert layer.compute_output_shape(CLIPS.shape) == tuple(layer(CLIPS, NUM_FRAMES).shape) == (4, 3, 8)
