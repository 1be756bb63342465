import numpy as np
from keras import ops

from yt8m_distill.layers.squeeze_excitation_gating import SqueezeExcitationGating


def test_every_unit_is_scaled_by_a_gate_of_all_units():
    x = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
    layer = SqueezeExcitationGating(reduction=4)
    outputs = ops.convert_to_numpy(layer(x))
    squeezed = np.maximum(x @ ops.convert_to_numpy(layer.squeeze.kernel) / np.sqrt(1.001), 0)
    assert squeezed.shape == (3, 2)
    gate = 1 / (1 + np.exp(-squeezed @ ops.convert_to_numpy(layer.excite.kernel)))
    np.testing.assert_allclose(outputs, x * gate, atol=1e-6)


def test_the_bottleneck_has_one_unit_at_least():
    layer = SqueezeExcitationGating(reduction=100)
    layer.build((None, 8))
    assert layer.squeeze.units == 1
