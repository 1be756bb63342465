import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import reference_variables
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(16, 8), num_classes=5)
RNG = np.random.default_rng(0)
BATCH = {
    "rgb": RNG.integers(0, 256, (3, 4, 16)).astype("uint8"),
    "audio": RNG.integers(0, 256, (3, 4, 8)).astype("uint8"),
    "num_frames": np.array([4, 2, 1], "int32"),
}


def build(**overrides):
    sizes = {"nextvlad_cluster_size": 4, "nextvlad_hidden_size": 8, "groups": 2}
    return build_model(registry.model_config("MixNeXtVLAD_tiny", **sizes, **overrides), SPEC, seed=0)


def test_the_prediction_is_the_sigmoid_of_the_weighted_logits_of_the_branches():
    model = build(mix_number=3)
    outputs = model(BATCH)
    representation = ops.convert_to_numpy(outputs["representation"])
    assert representation.shape == (3, 3 * 8 + 3)
    weights = representation[:, -3:]
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    logits = [ops.convert_to_numpy(x) for x in model.head.branch_logits(outputs["representation"])]
    mixed = sum(weights[:, n : n + 1] * logits[n] for n in range(3))
    np.testing.assert_allclose(ops.convert_to_numpy(outputs["predictions"]), 1 / (1 + np.exp(-mixed)), atol=1e-6)


def test_one_branch_is_that_branch_alone():
    model = build(mix_number=1)
    features, num_frames = model.front_end({name: BATCH[name] for name in ("rgb", "audio")}, BATCH["num_frames"])
    expected = model.head.heads[0](model.aggregator.branches[0](features, num_frames))
    actual = model(BATCH)["predictions"]
    np.testing.assert_allclose(ops.convert_to_numpy(actual), ops.convert_to_numpy(expected), atol=1e-6)


@pytest.mark.parametrize("overrides", [{"video_level_classifier_model": "MoE"}, {"moe_prob_gating": True}])
def test_heads_that_cannot_be_mixed_are_refused(overrides):
    with pytest.raises(InputError, match="mixes the logits of its branches"):
        build(**overrides)


def test_the_reference_names_every_weight_or_says_that_it_cannot():
    names = reference_variables(build(input_batch_norm=True, gating="none")).keys()
    assert "input_bn/gamma" in names and not any("gating" in name for name in names)
    with pytest.raises(InputError, match="--head_hidden_units must be 0"):
        reference_variables(build(head_hidden_units=8))


def test_the_logits_of_mixture_and_branches_come_from_the_same_pass():
    model = build(mix_number=3)
    outputs = {key: ops.convert_to_numpy(x) for key, x in model(BATCH, return_branch_logits=True).items()}
    assert outputs["branch_logits"].shape == (3, 3, 5)
    weights = outputs["representation"][:, -3:]
    mixed = sum(weights[:, n : n + 1] * outputs["branch_logits"][n] for n in range(3))
    np.testing.assert_allclose(outputs["mixture_logits"], mixed, atol=1e-6)
    np.testing.assert_allclose(outputs["predictions"], 1 / (1 + np.exp(-outputs["mixture_logits"])), atol=1e-6)
    for key, value in model(BATCH).items():
        np.testing.assert_array_equal(outputs[key], ops.convert_to_numpy(value))


def test_logits_are_float32_in_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        outputs = build()(BATCH, return_branch_logits=True)
    finally:
        keras.config.set_dtype_policy("float32")
    for key in ("mixture_logits", "branch_logits"):
        assert keras.backend.standardize_dtype(outputs[key].dtype) == "float32"


def test_a_model_without_branches_says_so():
    model = build_model(registry.model_config("FrameLevelLogistic"), SPEC)
    assert not model.has_branches and build().has_branches
    with pytest.raises(InputError, match="FrameLevelLogistic has no branches"):
        model(BATCH, return_branch_logits=True)


@pytest.mark.parametrize("overrides", [{"cl_temperature": 0.0}, {"cl_lambda": -1.0}, {"cl_lambda": float("nan")}])
def test_numbers_of_collaborative_learning_have_a_range(overrides):
    with pytest.raises(InputError, match=f"--{next(iter(overrides))}="):
        build(**overrides)
