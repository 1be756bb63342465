"""NetVLAD, LightVLAD, NetVLAGD and Fisher vectors as models."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import NetVLADParams, registry
from yt8m_distill.layers.light_vlad import LightVLAD
from yt8m_distill.layers.netvlad import NetVLAD
from yt8m_distill.layers.netvlagd import NetVLAGD
from yt8m_distill.models.classifier import build_model
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(16, 8), num_classes=5)
SMALL = {"netvlad_cluster_size": 4, "netvlad_hidden_size": 6}


@pytest.fixture
def unallocated():
    """Weights get shapes and no memory; Keras would initialise them in the next test if it were not made to forget."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session()


@pytest.mark.parametrize(("name", "millions"), [("NetVLAD_192_992", 242.7), ("FVNet_96_1540", 369.1)])
def test_the_size_constrained_models_have_their_published_sizes(name, millions, unallocated):
    model = build_model(registry.model_config(name), FeatureSpec(num_classes=3862))
    # What a checkpoint of the reference holds: the batch norms count their updates in a weight of this project's.
    counted = [weight for weight in model.weights if not weight.path.endswith("/updates")]
    assert round(sum(math.prod(weight.shape) for weight in counted) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("options", "layer_class"), [({}, NetVLAD), ({"lightvlad": True}, LightVLAD), ({"vlagd": True}, NetVLAGD)]
)
def test_the_starter_codes_flags_choose_the_layer(options, layer_class):
    model = build_model(registry.model_config("NetVLADModelLF", **SMALL, **options), SPEC)
    streams = model.aggregator.streams
    assert {name: type(stream) for name, stream in streams.items()} == {"rgb": layer_class, "audio": layer_class}
    assert [stream.clusters for stream in streams.values()] == [4, 2]


@pytest.mark.parametrize(
    ("batch_norm", "relu", "hidden"),
    [
        (True, True, (True, "relu6")),
        (True, False, (False, "none")),
        (False, True, (False, "relu6")),
        (False, False, (False, "none")),
    ],
)
@pytest.mark.parametrize(("name", "prefix"), [("NetVLADModelLF", "netvlad"), ("NetFVModelLF", "fv")])
def test_without_relu_a_bias_replaces_the_batch_norm(name, prefix, batch_norm, relu, hidden):
    numbers = {f"{prefix}_cluster_size": 4, f"{prefix}_hidden_size": 6, f"{prefix}_relu": relu}
    config = registry.model_config(name, netvlad_add_batch_norm=batch_norm, **numbers)
    aggregator = build_model(config, SPEC).aggregator
    assert (aggregator.hidden.batch_norm, aggregator.hidden.activation) == hidden
    assert {stream.assignment.batch_norm for stream in aggregator.streams.values()} == {batch_norm}


def test_features_after_the_first_have_half_the_clusters_and_at_least_one():
    assert [NetVLADParams(netvlad_cluster_size=5).clusters(index) for index in (0, 1, 2)] == [5, 2, 2]
    assert NetVLADParams(netvlad_cluster_size=1).clusters(1) == 1


def test_a_new_hidden_layer_without_batch_norm_answers_to_its_input():
    spec = FeatureSpec(num_classes=5)
    config = registry.model_config("NetVLAD_tiny", netvlad_relu=False)
    model = build_model(config, spec, seed=0)
    rng = np.random.default_rng(0)
    frames = {name: rng.integers(0, 256, (4, 5, size)).astype("uint8") for name, size in spec.size_by_name.items()}
    outputs = ops.convert_to_numpy(model({**frames, "num_frames": np.full(4, 5)})["representation"])
    assert 0.1 < outputs.std() < 1.0


def test_lightvlad_and_vlagd_exclude_each_other():
    with pytest.raises(InputError, match="--lightvlad and --vlagd exclude each other"):
        registry.model_config("LightVLAD", vlagd=True)


@pytest.mark.parametrize("field", ["netvlad_cluster_size", "netvlad_hidden_size", "fv_cluster_size", "fv_hidden_size"])
def test_a_size_below_one_names_its_flag(field):
    with pytest.raises(InputError, match=f"--{field}=0"):
        registry.model_config("NetFV" if field.startswith("fv") else "NetVLAD", **{field: 0})
