import numpy as np
import pytest

from yt8m_distill.compression.policy import Policy, Rule, parse_rules, store
from yt8m_distill.errors import InputError
from yt8m_distill.stored_weights import Affine, Codebook, Plain

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "aggregator/hidden/kernel": RANDOM.normal(size=(200, 100)).astype("float32"),
    "aggregator/hidden_bn/gamma": np.ones(100, "float32"),
    "head/logits/kernel": RANDOM.normal(size=(100, 200)).astype("float32"),
    "dropout/seed": np.arange(2, dtype="uint32"),
}


def test_the_papers_policy_converts_large_float32_weights_alone():
    methods = Policy().methods(WEIGHTS)
    assert [name for name, method in methods.items() if method == "uniform"] == [
        "aggregator/hidden/kernel",
        "head/logits/kernel",
    ]
    tensors = {name: store(name, array, methods[name]) for name, array in WEIGHTS.items()}
    assert [type(tensor) for tensor in tensors.values()] == [Codebook, Plain, Codebook, Plain]
    np.testing.assert_array_equal(tensors["dropout/seed"].dequantize(), WEIGHTS["dropout/seed"])


def test_the_first_rule_that_fits_counts():
    policy = Policy("uniform", rules=parse_rules(["head/=per_channel4", "kernel$=kmeans"]))
    methods = policy.methods(WEIGHTS)
    assert (methods["head/logits/kernel"], methods["aggregator/hidden/kernel"]) == ("per_channel4", "kmeans")
    assert type(store("w", WEIGHTS["head/logits/kernel"], "per_channel4")) is Affine


def test_a_rule_leaves_small_weights_and_can_leave_large_ones():
    policy = Policy("uniform", rules=(Rule("aggregator", "none"),))
    assert policy.methods(WEIGHTS)["aggregator/hidden/kernel"] == "none"
    assert Policy("float16", min_elements=99).methods(WEIGHTS)["aggregator/hidden_bn/gamma"] == "float16"


def test_weights_that_a_rule_names_are_not_free_to_change():
    assert Policy(rules=(Rule("head", "kmeans"),)).unnamed(WEIGHTS) == ["aggregator/hidden/kernel"]


@pytest.mark.parametrize("method", ["none", "uniform"])
def test_nan_is_refused_whether_a_weight_is_converted_or_not(method):
    with pytest.raises(InputError, match="bn/moving_variance holds 1 values that are NaN"):
        store("bn/moving_variance", np.float32([1, np.nan]), method)


def test_small_weights_may_be_halved_where_that_holds_them():
    weights = WEIGHTS | {"updates": np.full((), 1e9, "float32")}
    methods = Policy(small_method="float16").methods(weights)
    assert methods["aggregator/hidden_bn/gamma"] == "float16"
    assert (methods["updates"], methods["dropout/seed"]) == ("none", "none")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Policy("cubic"), "There is no quantisation 'cubic': choose one of uniform"),
        (lambda: Policy(rules=(Rule("a", "cubic"),)), "There is no quantisation 'cubic'"),
        (lambda: Policy(rules=(Rule("(", "uniform"),)), r"'\(' is no regular expression"),
        (lambda: parse_rules(["head"]), "head: expected PATTERN=METHOD"),
        (
            lambda: Policy(rules=(Rule("gamma", "kmeans"),)).methods(WEIGHTS),
            "no weight of that name has more than 17,000",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
