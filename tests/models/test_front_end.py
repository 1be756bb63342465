import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.models.front_end import FrontEnd

RNG = np.random.default_rng(0)
FRAMES = {
    "rgb": RNG.integers(0, 256, (2, 4, 6)).astype("uint8"),
    "audio": RNG.integers(0, 256, (2, 4, 3)).astype("uint8"),
}
NUM_FRAMES = np.array([4, 1], "int32")


def run(normalization, features=None, **options):
    num_frames = {} if features else {"num_frames": NUM_FRAMES}
    outputs, _ = FrontEnd(normalization)(features or FRAMES, **num_frames, **options)
    return {name: ops.convert_to_numpy(x) for name, x in outputs.items()}


def test_joint_normalisation_divides_by_the_norm_of_all_features():
    plain, outputs = run("none"), run("joint")
    norm = np.linalg.norm(np.concatenate(list(plain.values()), axis=-1), axis=-1, keepdims=True)
    for name in FRAMES:
        np.testing.assert_allclose(outputs[name][0], plain[name][0] / norm[0], rtol=1e-5)
        assert (outputs[name][1, 1:] == 0).all()


def test_modality_normalisation_divides_each_feature_by_its_own_norm():
    outputs = run("modality")
    for name in FRAMES:
        np.testing.assert_allclose(np.linalg.norm(outputs[name][0], axis=-1), 1.0, rtol=1e-5)


def test_rms_normalisation_sets_the_root_mean_square_to_one():
    joint, modality = run("joint_rms"), run("modality_rms")
    everything = np.concatenate(list(joint.values()), axis=-1)[0]
    np.testing.assert_allclose(np.sqrt(np.mean(everything**2, axis=-1)), 1.0, rtol=1e-5)
    for frames in modality.values():
        np.testing.assert_allclose(np.sqrt(np.mean(frames[0] ** 2, axis=-1)), 1.0, rtol=1e-5)
        assert (frames[1, 1:] == 0).all()


def test_video_level_features_are_normalised_as_they_are():
    means = {"mean_rgb": np.array([[3.0, 0.0]], "float32"), "mean_audio": np.array([[4.0]], "float32")}
    outputs = run("joint", means)
    np.testing.assert_allclose(outputs["mean_rgb"], [[0.6, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(outputs["mean_audio"], [[0.8]], rtol=1e-6)


def test_float16_frames_without_content_stay_finite():
    front_end = FrontEnd("joint", dtype="mixed_float16")
    outputs, _ = front_end(FRAMES, num_frames=np.array([0, 1]))
    assert all(keras.backend.standardize_dtype(x.dtype) == "float16" for x in outputs.values())
    assert all(np.isfinite(ops.convert_to_numpy(x)).all() for x in outputs.values())


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="one of joint, modality"):
        FrontEnd("l1")
