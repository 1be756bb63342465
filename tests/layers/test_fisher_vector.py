import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.fisher_vector import FisherVector

from .plain_assignment import array, plain_assignment

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 8)).astype("float32")


def built(**options):
    layer = FisherVector(clusters=3, **options)
    layer.build(FRAMES.shape)
    for weight in layer.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    return layer


def plain_fisher_vector(layer, frames):
    """The formulas of the class docstring for one video without padding, in float64 and with loops."""
    assignment = plain_assignment(layer.assignment, frames)
    centres = layer.coupling_factor * array(layer.assignment.kernel) if layer.couple_weights else array(layer.centres)
    deviation = array(layer.covariance) ** 2 + 1e-6
    first, second = np.zeros_like(centres), np.zeros_like(centres)
    for t, frame in enumerate(frames):
        distance = (frame[:, None] - centres) / deviation
        first += assignment[t] * distance
        second += assignment[t] * (distance**2 - 1)
    first = (first / np.linalg.norm(first, axis=0)).reshape(-1)
    return np.concatenate([first / np.linalg.norm(first), second.reshape(-1) / np.linalg.norm(second)])


@pytest.mark.parametrize("couple_weights", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_layer_computes_the_published_formulas(couple_weights, batch_norm):
    layer = built(couple_weights=couple_weights, coupling_factor=0.3, batch_norm=batch_norm)
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array([6, 2, 1])))
    for row, count in enumerate((6, 2, 1)):
        np.testing.assert_allclose(outputs[row], plain_fisher_vector(layer, FRAMES[row, :count]), atol=1e-6)


def test_a_video_without_frames_is_zero():
    outputs = ops.convert_to_numpy(built()(FRAMES, np.array([0, 0, 6])))
    assert (outputs[:2] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(outputs[2].reshape(2, -1), axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 6, 8), (2, 0, 8), (0, 0, 8)])
def test_a_batch_without_rows_or_frames_keeps_its_shape(shape):
    layer = built()
    outputs = layer(np.zeros(shape, "float32"), np.zeros(shape[0], "int32"))
    assert tuple(outputs.shape) == layer.compute_output_shape(shape) == (shape[0], 48)


def test_a_vanishing_covariance_gives_finite_numbers():
    layer = built()
    layer.covariance.assign(np.zeros(layer.covariance.shape))
    assert np.isfinite(ops.convert_to_numpy(layer(FRAMES, np.array([6, 2, 1])))).all()


def test_squares_that_pass_the_largest_float16_are_summed_all_the_same():
    frames = np.tile(FRAMES[:1, :1], (1, 300, 1))
    frames[:, :, 3] = 30.0
    layers = [built(), FisherVector(clusters=3, dtype="mixed_float16")]
    layers[1].build(frames.shape)
    layers[1].set_weights(layers[0].get_weights())
    exact, half = (ops.convert_to_numpy(layer(frames, np.array([300]))).astype("float32") for layer in layers)
    np.testing.assert_allclose(half, exact, atol=5e-3)


def test_coupled_centres_are_no_weights_of_their_own():
    assert len(built(couple_weights=False).weights) == len(built(couple_weights=True).weights) + 1


def test_there_must_be_a_cluster():
    with pytest.raises(ValueError, match="clusters must be at least 1"):
        FisherVector(clusters=0)
