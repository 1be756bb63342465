import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import HeadParams
from yt8m_distill.layers.context_gating import ContextGating
from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts
from yt8m_distill.layers.squeeze_excitation_gating import SqueezeExcitationGating
from yt8m_distill.models.heads import build_head

X = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_the_classifier_has_the_numbers_of_its_parameters():
    classifier = build_head(HeadParams("MoE", moe_num_mixtures=3, l2_penalty=0.5), num_classes=7).classifier
    assert isinstance(classifier, MixtureOfExperts)
    assert (classifier.num_classes, classifier.num_mixtures, classifier.l2_penalty) == (7, 3, 0.5)
    classifier = build_head(HeadParams("LogisticModel", l2_penalty=0.25), num_classes=4).classifier
    assert isinstance(classifier, Logistic)
    assert (classifier.num_classes, classifier.l2_penalty) == (4, 0.25)


@pytest.mark.parametrize(
    ("gating", "layer_class"),
    [
        ("none", type(None)),
        ("plain", ContextGating),
        ("batch_norm", ContextGating),
        ("squeeze_excite", SqueezeExcitationGating),
        ("True", ContextGating),
        ("False", type(None)),
    ],
)
def test_what_the_classifier_reads_may_be_gated(gating, layer_class):
    head = build_head(HeadParams(gating=gating), num_classes=4)
    assert isinstance(head.gate, layer_class)
    head.build(X.shape)
    expected = X if head.gate is None else array(head.gate(X))
    np.testing.assert_allclose(array(head.classifier_input(X)), expected, atol=1e-6)
    np.testing.assert_allclose(array(head(X)), array(head.classifier(expected)), atol=1e-6)


def test_a_plain_gate_has_no_batch_norm():
    assert not build_head(HeadParams(gating="plain"), num_classes=4).gate.batch_norm


def test_a_hidden_layer_stands_before_the_gate():
    head = build_head(HeadParams(head_hidden_units=5, gating="plain"), num_classes=4)
    head.build(X.shape)
    hidden = np.maximum(X @ array(head.hidden.dense.kernel), 0)
    np.testing.assert_allclose(array(head.classifier_input(X)), array(head.gate(hidden)), atol=1e-6)


@pytest.mark.parametrize("source", ["prob", "input"])
def test_probabilities_may_be_gated_by_themselves_or_by_the_input(source):
    head = build_head(HeadParams("MoE", moe_prob_gating=True, moe_prob_gating_input=source), num_classes=4)
    head.build(X.shape)
    probabilities = array(head.classifier(X))
    seen = probabilities if source == "prob" else X
    gates = 1 / (1 + np.exp(-seen @ array(head.probability_gate.kernel) / np.sqrt(1.001)))
    np.testing.assert_allclose(array(head(X)), probabilities * gates, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gating": "some"}, "--gating=some: expected one of none, plain"),
        ({"moe_prob_gating_input": "both"}, "--moe_prob_gating_input=both: expected one of prob, input"),
        ({"moe_low_rank_gating": 0}, "--moe_low_rank_gating=0: expected 1 or more, or -1"),
        ({"head_hidden_units": -1}, "--head_hidden_units=-1: expected 0 or more"),
    ],
)
def test_numbers_out_of_range_are_named(values, message):
    with pytest.raises(InputError, match=message):
        HeadParams(**values)
