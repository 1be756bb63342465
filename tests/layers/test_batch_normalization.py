import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(2.0, 3.0, size=(3, 5, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], "float32")


def built(**options):
    layer = BatchNormalization(**options)
    layer.build((None, None, 4))
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        getattr(layer, name).assign(RNG.uniform(0.5, 2.0, 4))
    return layer


def test_training_uses_the_moments_of_the_valid_frames():
    layer = built()
    outputs = ops.convert_to_numpy(layer(FRAMES, mask=MASK, training=True))
    valid = FRAMES[MASK > 0]
    expected = (FRAMES - valid.mean(axis=0)) / np.sqrt(valid.var(axis=0) + 1e-3)
    expected = expected * ops.convert_to_numpy(layer.gamma) + ops.convert_to_numpy(layer.beta)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_moving_statistics_follow_the_valid_frames():
    layer = built(momentum=0.9)
    layer.settle()
    mean, variance = (ops.convert_to_numpy(v) for v in (layer.moving_mean, layer.moving_variance))
    layer(FRAMES, mask=MASK, training=True)
    valid = FRAMES[MASK > 0]
    np.testing.assert_allclose(layer.moving_mean, 0.9 * mean + 0.1 * valid.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 * variance + 0.1 * valid.var(axis=0), rtol=1e-5)


def test_the_first_updates_move_the_statistics_most_of_the_way():
    layer = built(momentum=0.999)
    valid = FRAMES[MASK > 0].mean(axis=0)
    for decay in (1 / 10, 2 / 11, 3 / 12):
        before = ops.convert_to_numpy(layer.moving_mean)
        layer(FRAMES, mask=MASK, training=True)
        np.testing.assert_allclose(layer.moving_mean, decay * before + (1 - decay) * valid, rtol=1e-5)


def test_without_a_mask_every_row_counts():
    layer, keras_layer = BatchNormalization(), keras.layers.BatchNormalization()
    rows = FRAMES[:, 0]
    layer.build((None, 4))
    keras_layer.build((None, 4))
    keras_layer.set_weights(layer.get_weights()[:4])
    np.testing.assert_allclose(layer(rows, training=True), keras_layer(rows, training=True), atol=1e-5)


def test_a_batch_without_frames_leaves_the_moving_statistics_alone():
    layer = built(momentum=0.9)
    before = ops.convert_to_numpy(layer.moving_mean)
    outputs = layer(FRAMES, mask=np.zeros_like(MASK), training=True)
    np.testing.assert_array_equal(layer.moving_mean, before)
    assert np.isfinite(ops.convert_to_numpy(outputs)).all()


def test_inference_uses_the_moving_statistics():
    layer = built()
    gamma, beta, mean, variance, _ = (ops.convert_to_numpy(w) for w in layer.weights)
    expected = gamma * (FRAMES - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(ops.convert_to_numpy(layer(FRAMES, mask=MASK)), expected, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_scale_and_shift_are_what_a_call_does(training):
    layers = [built(), built()]
    layers[1].set_weights(layers[0].get_weights())
    expected = layers[0](FRAMES, mask=MASK, training=training)
    scale, shift = layers[1].scale_and_shift(FRAMES, MASK, training=training)
    np.testing.assert_allclose(FRAMES * scale + shift, expected, atol=1e-5)
    for weight, other in zip(*(layer.get_weights() for layer in layers), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-6)


def test_gradients_are_those_of_the_keras_layer_with_a_mask():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("takes TensorFlow's gradients")
    ours, theirs = built(), keras.layers.BatchNormalization()
    theirs.build((None, None, 4))
    theirs.set_weights(ours.get_weights()[:4])
    target = RNG.normal(size=FRAMES.shape).astype("float32") * MASK[:, :, None]
    gradients = []
    for layer in (ours, theirs):
        frames = tf.Variable(FRAMES)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(target * layer(frames, mask=MASK, training=True) ** 2)
        gradients.append(tape.gradient(loss, [frames, layer.gamma.value, layer.beta.value]))
    for mine, reference in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, reference, atol=2e-5)
