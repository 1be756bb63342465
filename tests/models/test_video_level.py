import numpy as np
from keras import ops

from yt8m_distill.models.video_level import HiddenLayer, VideoMeans

RNG = np.random.default_rng(0)
FEATURES = {"mean_rgb": RNG.normal(size=(3, 4)).astype("float32"), "mean_audio": np.ones((3, 2), "float32")}
SIDE_BY_SIDE = np.concatenate(list(FEATURES.values()), axis=1)


def test_without_a_layer_the_representation_is_the_features():
    np.testing.assert_array_equal(ops.convert_to_numpy(VideoMeans()(FEATURES)), SIDE_BY_SIDE)


def test_the_hidden_layer_is_a_relu_of_an_affine_map():
    layer = HiddenLayer(num_hidden_units=5)
    outputs = ops.convert_to_numpy(layer(FEATURES))
    kernel, bias = (ops.convert_to_numpy(weight) for weight in layer.weights)
    np.testing.assert_allclose(outputs, np.maximum(SIDE_BY_SIDE @ kernel + bias, 0), atol=1e-6)


def test_input_dropout_reaches_the_features():
    layer = HiddenLayer(num_hidden_units=5, hidden_dropout=0.0, input_dropout=0.5)
    outputs = [ops.convert_to_numpy(layer(FEATURES, training=True)) for _ in range(2)]
    assert (outputs[0] != outputs[1]).any()


def test_batch_norm_stands_behind_the_relu():
    layer = HiddenLayer(num_hidden_units=5, hidden_dropout=0.0, hidden_batch_norm=True)
    layer(FEATURES)
    layer.hidden_bn.beta.assign(np.full(5, -100.0))
    assert (ops.convert_to_numpy(layer(FEATURES, training=True)) < 0).all()
