"""The size-constrained road's ensemble on made predictions: what is read off which half, and what binds its size."""

import dataclasses
import json
import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from compression.made_predictions import made_members
from made_results import FRAMES, VIDEOS, MadeUpRunner
from made_runs import make_config

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.budgeted_ensemble import best_within
from yt8m_distill.compression.made_run import write_made_run
from yt8m_distill.compression.nested_search import marginal_gap
from yt8m_distill.compression.policy import Policy
from yt8m_distill.compression.quantized_run import weights_of
from yt8m_distill.compression.weight_search import (
    ascend,
    equal_weights,
    gap_of,
    random_search,
    share_proven,
    single_weights,
)
from yt8m_distill.experiments.ensemble_candidates import Candidate
from yt8m_distill.experiments.size_constrained import choices, ensemble, members, one_graph
from yt8m_distill.hyperparameters.origin import Origin
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import find_run
from yt8m_distill.stored_weights import Plain, read_stored

FIRST, LAST = ("eval0", "eval2"), ("eval1", "eval3")
NAMES = ("A", "B", "C")
PLANS = {name: SimpleNamespace(name=name) for name in NAMES}
SIZE = 100_000  # bytes of each member
TRIALS = 50


def found_run(plan):
    return SimpleNamespace(checkpoint=plan.name)


def candidate(name):
    origin = {"run": f"quantized/{name}", "checkpoint": name, "checksum": name, "use_ema": False}
    return Candidate(name=name, model="x", num_bytes=SIZE, **origin)


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)  # it takes half a second
    made = MadeUpRunner(lambda plan: 0.4, tmp_path)
    made.evaluation = ("eval0", "eval1", "eval2", "eval3")
    made.finished = found_run
    return made


@pytest.fixture(scope="module")
def halves():
    """{shards: KeptPredictions}: another member is best on each, and on the last one not every class is known."""
    search, final = made_members(1.4, 1.9, 1.8, seed=1, videos=60), made_members(1.9, 1.4, 1.8, seed=2, videos=60)
    assert single_weights(search).argmax() == 0 and single_weights(final).argmax() == 1
    return {FIRST: search, LAST: dataclasses.replace(final, floors=np.full_like(final.floors, 0.04))}


@pytest.fixture
def read(halves, monkeypatch):
    """The shards whose predictions were asked for."""
    asked = []
    monkeypatch.setattr(ensemble, "_TRIALS", TRIALS)
    monkeypatch.setattr(ensemble, "_FOLDS", 2)
    monkeypatch.setattr(ensemble, "checkpoint_checksum", str)
    monkeypatch.setattr(ensemble, "quantized_run", lambda _, plan: found_run(plan))
    monkeypatch.setattr(ensemble, "stored_bytes", lambda run: 11 * SIZE)
    monkeypatch.setattr(ensemble, "candidates_of", lambda _: [candidate(name) for name in NAMES])
    monkeypatch.setattr(
        ensemble, "stored_predictions", lambda path, runs, shards: asked.append(shards) or halves[shards]
    )
    return asked


def test_choices_are_made_on_the_first_half(runner, monkeypatch):
    random, asked = np.random.default_rng(0), []

    def predict_all(found, shards):
        asked.append(shards)
        return [random.random((4, 5), np.float32) for _ in found], np.eye(4, 5, dtype=np.float32)

    monkeypatch.setattr(choices, "checkpoint_checksum", str)
    monkeypatch.setattr(choices, "predict_all", predict_all)
    choices.choose(VIDEOS, runner, [0], ["MoE"])
    assert asked == [FIRST] * 2  # plain and averaged


def test_weights_are_searched_on_the_first_half_and_read_off_the_last(runner, read, halves):
    found = ensemble.weighed_ensemble(VIDEOS, runner, PLANS, 0)
    search, final = halves[FIRST], halves[LAST]
    assert read == [FIRST, LAST]
    chosen = best_within(search, [SIZE] * 3, round(3.3 * SIZE)).weights
    ways = {
        ensemble.SINGLE: single_weights(search),
        ensemble.EQUAL: equal_weights(search),
        ensemble.RANDOM: random_search(search, TRIALS),
        ensemble.SEARCHED: ascend(search),
        ensemble.CHOSEN: chosen,
    }
    for way, weights in ways.items():
        assert found["gaps"][way]["search"] == gap_of(weights, search), way
        assert found["gaps"][way]["final"] == gap_of(weights, final), way
    assert [member["marginal GAP"] for member in found["members"]] == marginal_gap(chosen, final).tolist()
    assert 0 < found["proven"] == share_proven(chosen, final) < 1


def test_an_ensemble_is_kept_as_long_as_its_file_of_weights_is_there(runner, read):
    first = ensemble.weighed_ensemble(VIDEOS, runner, PLANS, 0)
    assert ensemble.weighed_ensemble(VIDEOS, runner, PLANS, 0) == first
    assert len(read) == 2
    os.remove(ensemble.weights_path(runner, 0))
    assert ensemble.weighed_ensemble(VIDEOS, runner, PLANS, 0) == first
    assert len(read) == 4
    assert os.path.exists(ensemble.weights_path(runner, 0))


@pytest.mark.parametrize(("data", "mib", "reserve"), [(VIDEOS, 0.5, 2**17), (FRAMES, 2.75, 5 * 2**18)])
def test_a_budget_that_is_given_is_that_of_the_export(data, mib, reserve, runner, read):
    of_weights = ensemble.weighed_ensemble(data, runner, PLANS, 0)
    assert of_weights["budget"] == round(3.3 * SIZE)  # a tenth of 33 in float32
    assert of_weights["bytes"] == 3 * SIZE

    found = ensemble.weighed_ensemble(dataclasses.replace(data, size_budget_mb=mib), runner, PLANS, 0)
    assert found["budget"] == round(mib * 2**20)
    assert found["bytes"] == 2 * SIZE and 2 * (SIZE + reserve) <= found["budget"] < 3 * (SIZE + reserve)
    with open(ensemble.weights_path(runner, 0), encoding="utf-8") as file:
        assert json.load(file)["search"]["reserve"] == reserve


def test_the_export_is_held_to_the_budget_and_made_again_for_another(runner, monkeypatch):
    budgets = []

    def export_runs(runs, directory, budget_mib, **_):
        budgets.append(budget_mib)
        os.makedirs(directory, exist_ok=True)
        with open(one_graph.card_path(directory), "w", encoding="utf-8"):
            return SimpleNamespace(size=SimpleNamespace(total=9), evaluation={"gap": 0.5, "map": 0.25})

    def write_video_submission(served, spec, shards, path, **_):
        with open(path, "w", encoding="utf-8"):
            return 12

    monkeypatch.setattr(one_graph, "checkpoint_checksum", str)
    monkeypatch.setattr(one_graph, "quantized_run", lambda _, plan: found_run(plan))
    monkeypatch.setattr(one_graph, "export_runs", export_runs)
    monkeypatch.setattr(one_graph, "load_served", lambda _: (None, VIDEOS.features))
    monkeypatch.setattr(one_graph, "_largest_difference", lambda *_: 0.0)
    monkeypatch.setattr(one_graph, "write_video_submission", write_video_submission)
    weights = dict(zip(NAMES, (0.5, 0.5, 0.0), strict=True))
    given = (None, None, 0.5, 0.5, 2.0, None)
    found = [one_graph.exported(runner, PLANS, weights, mib)["budget"] for mib in given]
    assert budgets == [1024, 0.5, 2.0, 1024]
    assert found == [2**30, 2**30, 2**19, 2**19, 2**21, 2**30]


def test_a_run_is_quantised_again_where_its_weights_are_others(tmp_path, monkeypatch):
    quantized, quantize_model = [], members.quantize_model
    monkeypatch.setattr(members, "_POLICY", Policy(min_elements=50))
    monkeypatch.setattr(members, "quantize_model", lambda *given: quantized.append(given) or quantize_model(*given))
    config = dataclasses.replace(make_config("HiddenLayer_tiny"), origin=Origin("average", (), {}))
    source = str(tmp_path / "A")
    runner = SimpleNamespace(output_dir=str(tmp_path), finished=lambda plan: find_run(source))
    for seed in (0, 1):
        weights = weights_of(build_model(config.model, config.features, seed=seed))
        tensors = {name: Plain(values) for name, values in weights.items()}
        write_made_run(config, tensors, 3, source, overwrite=True)
        made = [members.quantized_run(runner, PLANS["A"]) for _ in range(2)][1]
        assert len(quantized) == seed + 1
        assert made.config.origin.sources[0].checksum == checkpoint_checksum(find_run(source).checkpoint)
        kernel = read_stored(made.checkpoint)["aggregator/hidden/kernel"].dequantize()
        np.testing.assert_allclose(kernel, weights["aggregator/hidden/kernel"], atol=0.01)
    assert not members._is_of(made.directory, dataclasses.replace(find_run(source), use_ema=True))
