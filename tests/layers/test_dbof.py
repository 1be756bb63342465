import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.dbof import DBoF

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 4)).astype("float32")
COUNTS = (6, 2, 0)
ACTIVATIONS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "none": lambda x: x,
}


def built(**options):
    layer = DBoF(5, **options)
    layer.build(FRAMES.shape)
    for weight in layer.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    if layer.batch_norm:
        layer.bn.gamma.assign([0.7, -0.9, 1.5, -0.2, 0.0])
    return layer


def plain_dbof(layer, frames, moments=None):
    """The formula of the class docstring for one video without padding."""
    scores = frames @ ops.convert_to_numpy(layer.kernel)
    if layer.batch_norm:
        gamma, beta, *moving = (ops.convert_to_numpy(weight) for weight in layer.bn.weights[:4])
        mean, variance = moments or moving
        scores = gamma * (scores - mean) / np.sqrt(variance + 1e-3) + beta
    else:
        scores = scores + ops.convert_to_numpy(layer.bias)
    pool = {"max": np.max, "average": np.mean}[layer.pooling]
    return pool(ACTIVATIONS[layer.activation](scores), axis=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_layer_pools_the_activated_scores_of_the_valid_frames(pooling, batch_norm, activation):
    layer = built(pooling=pooling, batch_norm=batch_norm, activation=activation)
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array(COUNTS)))
    for row, count in enumerate(COUNTS[:2]):
        np.testing.assert_allclose(outputs[row], plain_dbof(layer, FRAMES[row, :count]), atol=1e-5)
    np.testing.assert_array_equal(outputs[2], 0)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_training_uses_and_keeps_the_moments_of_the_valid_frames(pooling):
    layer = built(pooling=pooling)
    before = ops.convert_to_numpy(layer.bn.moving_mean)
    valid = np.concatenate([FRAMES[row, :count] for row, count in enumerate(COUNTS)]) @ ops.convert_to_numpy(
        layer.kernel
    )
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array(COUNTS), training=True))
    moments = (valid.mean(axis=0), valid.var(axis=0))
    for row, count in enumerate(COUNTS[:2]):
        np.testing.assert_allclose(outputs[row], plain_dbof(layer, FRAMES[row, :count], moments), atol=1e-4)
    assert (ops.convert_to_numpy(layer.bn.moving_mean) != before).all()


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradients_are_those_of_the_plain_formula(pooling):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("takes TensorFlow's gradients")
    layer, counts = built(pooling=pooling), np.array([6, 2, 5])
    # With gamma 0 all frames tie, and the plain formula shares the gradient among them.
    layer.bn.gamma.assign([0.7, -0.9, 1.5, -0.2, 0.1])
    target = RNG.normal(size=(3, 5)).astype("float32")

    def plain():
        scores = layer.bn(tf.matmul(frames, layer.kernel), mask=mask[:, :, 0], training=True)
        activated = tf.sigmoid(scores) * mask
        if pooling == "max":
            return tf.reduce_max(activated, axis=1)
        return tf.reduce_sum(activated, axis=1) / counts[:, None].astype("float32")

    mask = (np.arange(6)[None, :] < counts[:, None]).astype("float32")[:, :, None]
    frames = tf.Variable(FRAMES)
    variables = [frames, layer.kernel.value, layer.bn.gamma.value, layer.bn.beta.value]
    gradients = []
    for compute in (lambda: layer(frames, counts, training=True), plain):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(target * compute())
        gradients.append(tape.gradient(loss, variables))
    for mine, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, expected, atol=2e-5)


@pytest.mark.parametrize("options", [{"pooling": "min"}, {"activation": "glu"}, {"clusters": 0}])
def test_a_wrong_argument_is_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DBoF(**{"clusters": 5, **options})
