import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.frame_attention import FrameAttention
from yt8m_distill.layers.frame_mask import frame_mask

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 4)).astype("float32")
COUNTS = (6, 2, 0)


def built(**options):
    layer = FrameAttention(**{"units": 6, "score_units": 3, **options})
    layer.build(FRAMES.shape)
    for weight in layer.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    return layer


def plain_attention(layer, frames):
    """The formulas of the class docstring for one video without padding, head by head."""

    def kernel(dense):
        return ops.convert_to_numpy(dense.kernel)

    gamma, beta, mean, variance = (ops.convert_to_numpy(weight) for weight in layer.project.bn.weights[:4])
    values = gamma * (frames @ kernel(layer.project.dense) - mean) / np.sqrt(variance + 1e-3) + beta
    values = np.clip(values, 0, 6)
    scored = frames
    if layer.score_units:
        scored = np.tanh(frames @ kernel(layer.squash)) / (1 + np.exp(-(frames @ kernel(layer.gate))))
    exponents = np.exp(scored @ kernel(layer.score))
    weights = exponents / exponents.sum(axis=0)
    shares = np.split(values, layer.heads, axis=1)
    return np.concatenate([weights[:, head] @ share for head, share in enumerate(shares)])


@pytest.mark.parametrize("options", [{}, {"heads": 3}, {"score_units": 0}])
def test_the_layer_computes_the_formulas_over_the_valid_frames(options):
    layer = built(**options)
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array(COUNTS)))
    for row, count in enumerate(COUNTS[:2]):
        np.testing.assert_allclose(outputs[row], plain_attention(layer, FRAMES[row, :count]), atol=1e-5)
    np.testing.assert_array_equal(outputs[2], 0)


def test_the_weights_of_a_head_sum_to_one_and_padding_has_none():
    weights = ops.convert_to_numpy(built(heads=2).weigh(FRAMES, frame_mask(np.array(COUNTS), 6)))
    np.testing.assert_allclose(weights.sum(axis=2), [[1, 1], [1, 1], [0, 0]], atol=1e-6)
    np.testing.assert_array_equal(weights[1, :, 2:], 0)


@pytest.mark.parametrize(
    ("options", "message"), [({"heads": 4}, "multiple of heads"), ({"score_units": -1}, "score_units")]
)
def test_a_wrong_argument_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        FrameAttention(units=6, **options)
