import numpy as np
from keras import ops

from yt8m_distill.hyperparameters import NeXtVLADParams
from yt8m_distill.models.nextvlad import build_aggregator
from yt8m_distill.spec import FeatureSpec

RNG = np.random.default_rng(0)
FEATURES = {name: RNG.normal(size=(3, 4, size)).astype("float32") for name, size in (("rgb", 8), ("audio", 4))}
NUM_FRAMES = np.array([4, 2, 1], "int32")


def built(**options):
    params = NeXtVLADParams(nextvlad_cluster_size=3, groups=4, nextvlad_hidden_size=6, **options)
    aggregator = build_aggregator(params, FeatureSpec(sizes=(8, 4)))
    aggregator.build({name: x.shape for name, x in FEATURES.items()})
    return aggregator


def test_the_descriptor_is_every_stream_in_order():
    aggregator = built()
    descriptor = ops.convert_to_numpy(aggregator.describe(FEATURES, NUM_FRAMES))
    assert descriptor.shape == (3, 4 * 3 + 4 * 1)
    rgb = ops.convert_to_numpy(aggregator.streams["rgb"](FEATURES["rgb"], NUM_FRAMES))
    np.testing.assert_array_equal(descriptor[:, :12], rgb)


def test_dropout_works_in_training_alone():
    aggregator = built(drop_rate=0.5)
    outputs = [ops.convert_to_numpy(aggregator(FEATURES, NUM_FRAMES)) for _ in range(2)]
    np.testing.assert_array_equal(*outputs)
    outputs = [ops.convert_to_numpy(aggregator(FEATURES, NUM_FRAMES, training=True)) for _ in range(2)]
    assert (outputs[0] != outputs[1]).any()
