import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import FrontEndParams
from yt8m_distill.models.front_end import FrontEnd, build_front_end
from yt8m_distill.spec import FeatureSpec

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


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_batch_norm_takes_its_moments_over_frames_alone():
    front_end = FrontEnd("none", batch_norm=True)
    outputs, _ = front_end(FRAMES, NUM_FRAMES, training=True)
    rgb = array(outputs["rgb"])
    valid = np.concatenate([rgb[0], rgb[1, :1]])
    np.testing.assert_allclose(valid.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(valid.std(axis=0), 1, atol=2e-3)


def test_sampled_frames_are_normalised_frames_of_the_video():
    params = FrontEndParams(iterations=3)
    front_end = build_front_end(params, FeatureSpec(sizes=(6, 3)))
    every, _ = front_end(FRAMES, NUM_FRAMES)
    sampled, count = front_end(FRAMES, NUM_FRAMES, training=True)
    np.testing.assert_array_equal(array(count), [3, 3])
    distances = np.abs(array(sampled["rgb"])[0][:, None] - array(every["rgb"])[0][None]).sum(axis=-1)
    np.testing.assert_allclose(distances.min(axis=1), 0, atol=1e-6)


def test_the_first_feature_is_unwhitened_before_it_is_normalised():
    params = FrontEndParams(normalization="none", pca_eigenvalues=(1.0, 4.0, 9.0, 16.0, 25.0, 36.0))
    outputs, _ = build_front_end(params, FeatureSpec(sizes=(6, 3)))(FRAMES, NUM_FRAMES)
    plain = run("none")
    scale = np.arange(1, 7) + 1e-4
    np.testing.assert_allclose(array(outputs["rgb"])[0], (plain["rgb"][0] - 4 / 512) * scale, atol=1e-4)
    np.testing.assert_array_equal(array(outputs["audio"]), plain["audio"])


def test_eigenvalues_must_be_as_many_as_the_feature_has_values():
    with pytest.raises(InputError, match=r"--pca_eigenvalues holds 2 numbers and rgb has 6 values"):
        build_front_end(FrontEndParams(pca_eigenvalues=(1.0, 2.0)), FeatureSpec(sizes=(6, 3)))


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_eigenvalues_are_finite_and_not_negative(value):
    with pytest.raises(InputError, match=f"--pca_eigenvalues: {value} is no variance"):
        FrontEndParams(pca_eigenvalues=(1.0, value))


def test_eigenvalues_survive_the_config():
    front_end = build_front_end(FrontEndParams(pca_eigenvalues=(1.0, 2.0), iterations=3), FeatureSpec(sizes=(2, 3)))
    again = FrontEnd.from_config(front_end.get_config())
    assert again.reverse_whitening.eigenvalues == [1.0, 2.0]
    assert (again.sampling.count, again.sampling.with_replacement) == (3, True)


def test_frames_cannot_be_drawn_from_video_level_features():
    with pytest.raises(InputError, match="--iterations=3 draws frames"):
        build_front_end(FrontEndParams(iterations=3), FeatureSpec(sizes=(6, 3), level="video"))
