import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.nextvlad import NeXtVLAD

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 8)).astype("float32")


def built(**options):
    layer = NeXtVLAD(**{"clusters": 3, "groups": 4, **options})
    layer.build(FRAMES.shape)
    for weight in layer.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    return layer


def plain_nextvlad(layer, x):
    """The formulas of the class docstring for one video without padding, in float64 and with loops."""

    def array(weight):
        return ops.convert_to_numpy(weight).astype("float64")

    def batch_norm(norm, y):
        y = (y - array(norm.moving_mean)) / np.sqrt(array(norm.moving_variance) + 1e-3)
        return array(norm.gamma) * y + array(norm.beta)

    z = x @ array(layer.expand.kernel) + array(layer.expand.bias)
    attention = 1 / (1 + np.exp(-(z @ array(layer.attention.kernel) + array(layer.attention.bias))))
    scores = batch_norm(layer.cluster_bn, z @ array(layer.cluster_weights))
    vlad = np.zeros((layer.width, layer.clusters))
    for t in range(len(x)):
        for g in range(layer.groups):
            exponents = np.exp(scores[t].reshape(layer.groups, layer.clusters)[g])
            weights = attention[t, g] * exponents / exponents.sum()
            frame = z[t, g * layer.width : (g + 1) * layer.width]
            vlad += weights * (frame[:, None] - array(layer.centres))
    return batch_norm(layer.vlad_bn, (vlad / np.linalg.norm(vlad, axis=0)).reshape(-1))


def test_the_layer_computes_the_published_formulas():
    layer = built()
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array([6, 2, 1])))
    for row, count in enumerate((6, 2, 1)):
        np.testing.assert_allclose(outputs[row], plain_nextvlad(layer, FRAMES[row, :count]), atol=1e-5)


def test_a_video_without_frames_is_the_batch_norm_of_zero():
    layer = built()
    layer.vlad_bn.moving_mean.assign(np.zeros(layer.vlad_bn.moving_mean.shape))
    outputs = layer(FRAMES, np.array([0, 0, 6]))
    np.testing.assert_allclose(ops.convert_to_numpy(outputs)[0], layer.vlad_bn.beta, atol=1e-6)


def test_output_shape_is_what_compute_output_shape_says():
    layer = built(groups=2, expansion=3)
    assert layer.compute_output_shape(FRAMES.shape) == tuple(layer(FRAMES, np.array([6, 2, 1])).shape) == (3, 12 * 3)


def test_groups_must_divide_the_widened_frame():
    with pytest.raises(ValueError, match="groups must divide"):
        NeXtVLAD(clusters=3, groups=5).build((None, None, 8))


def with_weights_of(layer, **options):
    other = built(**options)
    other.set_weights(layer.get_weights())
    return other


def gradients(layer, x, count):
    """(outputs, {name: gradient}, moving statistics) of a training step whose target is fixed."""
    tf = pytest.importorskip("tensorflow")
    target = np.random.default_rng(1).normal(size=layer.compute_output_shape(x.shape)).astype("float32")
    with tf.GradientTape() as tape:
        outputs = layer(x, count, training=True)
        loss = ops.sum(outputs * target)
    weights = layer.trainable_variables
    found = zip(weights, tape.gradient(loss, [weight.value for weight in weights]), strict=True)
    return outputs, {weight.path: gradient for weight, gradient in found}, layer.non_trainable_variables


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes TensorFlow's gradients")
def test_many_rows_through_folded_weights_are_as_few_rows_through_the_expansion(monkeypatch):
    rng = np.random.default_rng(2)
    x, count = rng.normal(size=(6, 8, 8)).astype("float32"), np.array([8, 8, 5, 1, 8, 8])
    folded = built()
    plain = with_weights_of(folded)
    plain._from_inputs = lambda x: plain._from_widened(plain.expand(x))
    calls = []
    monkeypatch.setattr(folded, "_from_widened", lambda z: calls.append(z))
    results = [gradients(layer, x, count) for layer in (folded, plain)]
    assert not calls  # 48 rows and a limit of 2 * 8 * 16 / 8 = 32
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4, atol=1e-5)
    for mine, other in zip(results[0][1].values(), results[1][1].values(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-4)
    for mine, other in zip(results[0][2], results[1][2], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces with TensorFlow")
@pytest.mark.parametrize("videos", [0, 1, 5])
def test_a_compiled_call_for_any_number_of_rows_takes_either_way(videos):
    tf = pytest.importorskip("tensorflow")
    layer = built()
    signature = [tf.TensorSpec([None, None, 8], tf.float32), tf.TensorSpec([None], tf.int32)]
    compiled = tf.function(lambda x, count: layer(x, count), input_signature=signature)
    x = np.random.default_rng(3).normal(size=(videos, 7, 8)).astype("float32")
    count = np.full(videos, 7, "int32")
    np.testing.assert_allclose(compiled(x, count), layer(x, count), rtol=1e-5, atol=1e-6)
