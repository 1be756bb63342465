import numpy as np
import pytest

from yt8m_distill.compression.policy import Policy, store
from yt8m_distill.compression.sensitivity import mix
from yt8m_distill.errors import InputError

RANDOM = np.random.default_rng(0)
WEIGHTS = {name: RANDOM.normal(size=(200, 100)).astype("float32") for name in "abc"} | {"bias": np.ones(9, "float32")}
IMPORTANCE = {"a": 100.0, "b": 1.0, "c": 10.0}
EIGHT = Policy().methods(WEIGHTS)
LARGE = Policy().unnamed(WEIGHTS)


def divergence(values):
    return sum(IMPORTANCE[name] * float(np.square(array - WEIGHTS[name]).sum()) for name, array in values.items())


def size(methods, weights=WEIGHTS):
    return sum(store(name, array, methods[name]).num_bytes for name, array in weights.items())


def in_four_bits(methods):
    return sorted(name for name, method in methods.items() if method.endswith("4"))


def test_nothing_changes_where_it_fits():
    assert mix(WEIGHTS, EIGHT, LARGE, size(EIGHT), divergence) == (EIGHT, [])


@pytest.mark.parametrize(("halves", "expected"), [(1, ["b"]), (2, ["b", "c"]), (3, ["a", "b", "c"])])
def test_the_least_sensitive_weights_go_first(halves, expected):
    budget = size(EIGHT) - 9_000 * halves
    methods, found = mix(WEIGHTS, EIGHT, LARGE, budget, divergence)
    assert in_four_bits(methods) == expected
    assert size(methods) <= budget
    assert [one.name for one in found] == ["b", "c", "a"]


def test_what_is_not_needed_in_the_end_comes_back():
    weights = WEIGHTS | {"large": RANDOM.normal(size=(2000, 100)).astype("float32")}
    methods = Policy().methods(weights)
    importance = IMPORTANCE | {"large": 20.0}  # per byte the third, and enough alone

    def moved(values):
        return sum(importance[name] * float(np.square(array - weights[name]).mean()) for name, array in values.items())

    mixed, found = mix(weights, methods, list(importance), size(methods, weights) - 99_000, moved)
    assert in_four_bits(mixed) == ["large"]
    saved = next(one.saved for one in found if one.name == "large")
    mixed, _ = mix(weights, methods, list(importance), size(methods, weights) - saved, moved)  # to the byte
    assert in_four_bits(mixed) == ["large"]


def test_the_better_of_two_ways_of_four_bits_is_taken():
    outlier = WEIGHTS["a"].copy()
    outlier[0] = 50.0  # of every channel: steps of the range are wide
    weights = {"a": outlier, "b": WEIGHTS["b"] * np.logspace(-3, 0, 100, dtype="float32")}

    def moved(values):
        return sum(
            float((np.square(array - weights[name]) / weights[name].var(axis=0)).sum())
            for name, array in values.items()
        )

    methods, _ = mix(weights, Policy().methods(weights), ["a", "b"], 21_500, moved)
    assert methods == {"a": "kmeans4", "b": "per_channel4"}


def test_a_budget_that_four_bits_do_not_reach_is_refused():
    with pytest.raises(
        InputError, match=r"over budget: 63,108 bytes of weights, 3\d,\d+ with 4 bits .* means 9,000 bytes"
    ):
        mix(WEIGHTS, EIGHT, LARGE, 9_000, divergence)


def test_only_the_weights_named_change_even_where_others_would_save():
    methods = Policy(small_method="float16").methods(WEIGHTS)
    mixed, found = mix(WEIGHTS, methods, ["c"], size(methods) - 9_000, divergence)
    assert in_four_bits(mixed) == ["c"] and mixed["bias"] == "float16"
    assert [one.name for one in found] == ["c"]


def test_a_way_that_saves_nothing_is_not_taken_however_exact():
    weights = {"wide": RANDOM.normal(size=(8, 40_000)).astype("float32")}
    methods = {"wide": "uniform"}

    def moved(values):
        return float(np.square(values["wide"] - weights["wide"]).sum())

    assert mix(weights, methods, ["wide"], 200_000, moved)[0]["wide"].endswith("4")
