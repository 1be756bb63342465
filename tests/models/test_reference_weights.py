import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import load_reference_weights, reference_variables
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(16, 8), num_classes=5)


def small():
    config = registry.model_config("NeXtVLAD_tiny", nextvlad_cluster_size=4, nextvlad_hidden_size=8)
    return build_model(config, SPEC)


def values_for(model, prefix="tower/"):
    rng = np.random.default_rng(0)
    shapes = {name: v[0].shape if isinstance(v, tuple) else v.shape for name, v in reference_variables(model).items()}
    return {prefix + name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


@pytest.mark.parametrize("prefix", ["", "tower/"])
def test_every_weight_is_assigned_with_or_without_the_prefix(prefix):
    model = small()
    values = values_for(model, prefix)
    load_reference_weights(model, values)
    updates = [weight for weight in model.weights if weight.path.endswith("/updates")]
    assert len(values) == len(model.weights) - len(updates)
    # Fine-tuning must not throw the checkpoint's statistics away.
    assert min(float(ops.convert_to_numpy(count)) for count in updates) > 1e6
    kernel = model.aggregator.streams["audio"].expand.kernel
    np.testing.assert_array_equal(ops.convert_to_numpy(kernel), values[f"{prefix}audio_VLAD/fully_connected/weights"])


def test_variables_of_the_optimiser_are_ignored():
    model = small()
    values = {**values_for(model), "global_step": np.array(7), "tower/hidden1_weights/Adam_1": np.zeros(3)}
    load_reference_weights(model, {**values, "beta1_power": np.array(0.9)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("tower/hidden1_weights"), "hidden1_weights is missing"),
        (lambda values: values.update({"tower/more": np.zeros(3)}), "more is left over"),
        (lambda values: values.update({"tower/gating_weights_1": np.zeros((2, 2))}), r"gating_weights_1 is \(2, 2\)"),
    ],
)
def test_a_misfit_is_named_and_nothing_is_assigned(change, message):
    model = small()
    before = model.get_weights()
    values = values_for(model)
    change(values)
    with pytest.raises(InputError, match=message):
        load_reference_weights(model, values)
    assert all((old == new).all() for old, new in zip(before, model.get_weights(), strict=True))


def test_a_family_without_a_reference_says_so():
    config = registry.model_config("HiddenLayer_tiny")
    model = build_model(config, FeatureSpec(sizes=(16, 8), num_classes=5, level="video"))
    with pytest.raises(InputError, match="HiddenLayer has no reference"):
        load_reference_weights(model, {})
