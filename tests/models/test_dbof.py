import math

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.hyperparameters import registry
from yt8m_distill.layers.gated_dbof import GatedDBoF
from yt8m_distill.layers.soft_dbof import SoftDBoF
from yt8m_distill.models.classifier import build_model
from yt8m_distill.spec import FeatureSpec

RNG = np.random.default_rng(0)
SPEC = FeatureSpec(sizes=(8, 4), num_classes=5)
FEATURES = {name: RNG.normal(size=(3, 4, size)).astype("float32") for name, size in (("rgb", 8), ("audio", 4))}
NUM_FRAMES = np.array([4, 2, 1], "int32")


def aggregator(name, **numbers):
    numbers = {"dbof_cluster_size": 16, "dbof_hidden_size": 6, **numbers}
    return build_model(registry.model_config(name, **numbers), SPEC).aggregator


@pytest.mark.parametrize(
    ("name", "millions"), [("GatedDBoF_4096_1024", 37.2), ("GatedDBoF_6144_1536", 59.3), ("GatedDBoF_3684_920", 33.0)]
)
def test_the_published_models_have_the_published_number_of_parameters(name, millions):
    with keras.StatelessScope(initialize_variables=False):
        model = build_model(registry.model_config(name), FeatureSpec())
    assert sum(math.prod(weight.shape) for weight in model.weights) / 1e6 == pytest.approx(millions, abs=0.05)


def test_dbof_pools_the_features_side_by_side():
    early = aggregator("DBoF", dbof_pooling_method="average")
    pooled = ops.convert_to_numpy(early.describe(FEATURES, NUM_FRAMES))
    frames = np.concatenate([FEATURES["rgb"], FEATURES["audio"]], axis=2)
    np.testing.assert_array_equal(pooled, ops.convert_to_numpy(early.bag(frames, NUM_FRAMES)))
    assert pooled.shape == (3, 16)
    hidden = ops.convert_to_numpy(early(FEATURES, NUM_FRAMES))
    assert ((hidden > 0) & (hidden < 1)).all()


def test_features_after_the_first_have_an_eighth_of_the_clusters():
    soft = aggregator("SoftDBoF", softdbof_maxpool=True)
    assert [(type(s), s.clusters, s.max_pool) for s in soft.streams.values()] == [
        (SoftDBoF, 16, True),
        (SoftDBoF, 2, True),
    ]
    gated = aggregator("GatedDBoF_4096_1024")
    assert [(type(s), s.clusters) for s in gated.streams.values()] == [(GatedDBoF, 16), (SoftDBoF, 2)]
    assert not gated.streams["audio"].max_pool


def test_without_the_hidden_layer_the_bags_are_the_representation():
    soft = aggregator("SoftDBoF", fc_dimred=False)
    representation = ops.convert_to_numpy(soft(FEATURES, NUM_FRAMES))
    np.testing.assert_array_equal(representation, ops.convert_to_numpy(soft.describe(FEATURES, NUM_FRAMES)))
    assert soft.compute_output_shape({name: x.shape for name, x in FEATURES.items()}) == representation.shape == (3, 18)


def test_without_relu_a_bias_replaces_the_batch_norm_of_the_hidden_layer():
    assert not aggregator("SoftDBoF", dbof_relu=False).hidden.batch_norm
    assert aggregator("SoftDBoF", dbof_relu=True).hidden.batch_norm
    assert not aggregator("SoftDBoF", dbof_add_batch_norm=False).hidden.batch_norm
