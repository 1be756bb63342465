import numpy as np
from keras import ops

from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(4, 2), num_classes=3)
RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(2, 5, 6)).astype("float32")
BATCH = {"rgb": FRAMES[:, :, :4], "audio": FRAMES[:, :, 4:], "num_frames": np.array([5, 2], "int32")}


def test_the_representation_is_the_mean_frame_of_all_features():
    model = build_model(registry.model_config("FrameLevelLogistic", normalization="none"), SPEC)
    representation = ops.convert_to_numpy(model(BATCH)["representation"])
    np.testing.assert_allclose(representation[1], FRAMES[1, :2].mean(axis=0), atol=1e-6)


def test_the_sum_of_the_starter_code_takes_padding_along():
    config = registry.model_config("FrameLevelLogistic", normalization="none", mask_padding=False)
    representation = ops.convert_to_numpy(build_model(config, SPEC)(BATCH)["representation"])
    np.testing.assert_allclose(representation[1], FRAMES[1].sum(axis=0) / 2, atol=1e-6)
