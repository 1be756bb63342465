"""Keras's own test of a layer, on the layers that take one tensor: saving, gradients, symbolic calls, precision."""

import pytest
from keras.src.testing import TestCase

from yt8m_distill.layers.context_gating import ContextGating
from yt8m_distill.layers.l2_normalization import L2Normalization
from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts
from yt8m_distill.layers.resumable_dropout import ResumableDropout
from yt8m_distill.layers.squeeze_excitation_gating import SqueezeExcitationGating

# layer, arguments, output shape of an input (2, 8), trainable and other weights, losses
CASES = [
    (ContextGating, {}, (2, 8), (3, 3), 0),
    (ContextGating, {"batch_norm": False}, (2, 8), (2, 0), 0),
    (L2Normalization, {}, (2, 8), (0, 0), 0),
    (Logistic, {"num_classes": 3}, (2, 3), (2, 0), 1),
    (MixtureOfExperts, {"num_classes": 3}, (2, 3), (3, 0), 2),
    (ResumableDropout, {"rate": 0.2}, (2, 8), (0, 0), 0),
    (SqueezeExcitationGating, {"reduction": 2}, (2, 8), (4, 3), 0),
]
ALWAYS_FLOAT32 = (Logistic, MixtureOfExperts)


@pytest.mark.parametrize(("layer_class", "arguments", "output_shape", "weights", "losses"), CASES)
def test_a_layer_keeps_the_contract_of_keras(layer_class, arguments, output_shape, weights, losses):
    TestCase().run_layer_test(
        layer_class,
        init_kwargs=arguments,
        input_shape=(2, 8),
        expected_output_shape=output_shape,
        expected_num_trainable_weights=weights[0],
        expected_num_non_trainable_weights=weights[1],
        expected_num_losses=losses,
        run_training_check=False,  # the catalogue of models trains them
        run_mixed_precision_check=layer_class not in ALWAYS_FLOAT32,
    )
