import numpy as np
from keras import ops

from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.dual_path_gru import GRUPath
from yt8m_distill.spec import FeatureSpec

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 4, 6)).astype("float32")
NUM_FRAMES = np.array([4, 2, 1], "int32")


def test_a_path_is_normalised_projected_and_read_in_both_directions():
    path = GRUPath(4)
    path.build(FRAMES.shape)
    for norm in (path.input_bn, path.projection.bn):
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            weight = getattr(norm, name)
            weight.assign(RNG.uniform(0.5, 1.5, weight.shape))

    def batch_norm(norm, x):
        gamma, beta, mean, variance = (
            ops.convert_to_numpy(getattr(norm, name)) for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

    kernel = ops.convert_to_numpy(path.projection.dense.kernel)
    projected = np.clip(batch_norm(path.projection.bn, batch_norm(path.input_bn, FRAMES) @ kernel), 0, 6)
    expected = ops.convert_to_numpy(path.recurrence(projected.astype("float32"), NUM_FRAMES))
    np.testing.assert_allclose(ops.convert_to_numpy(path(FRAMES, NUM_FRAMES)), expected, atol=1e-5)


def test_features_after_the_first_get_an_eighth_of_the_cells():
    spec = FeatureSpec(sizes=(6, 2), num_classes=5)
    streams = build_model(registry.model_config("DualPathGRU", gru_cells=32), spec).aggregator.streams
    assert {name: path.units for name, path in streams.items()} == {"rgb": 32, "audio": 4}
    assert registry.model_config("DualPathGRU").aggregator.cells(1) == 128
