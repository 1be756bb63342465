"""The size-constrained road on made results: which runs there are, what is chosen, and what its tables say."""

import dataclasses
import math

import pytest
from made_results import FRAMES, VIDEOS, MadeUpRunner

from yt8m_distill.errors import InputError
from yt8m_distill.experiments.claims import FAILS, HOLDS, UNDECIDED
from yt8m_distill.experiments.data_sets import _quick
from yt8m_distill.experiments.size_constrained import choices, ensemble, runs, table1, table2, table3, table4
from yt8m_distill.experiments.size_constrained.published import AVERAGING, DISTILLATION, ENSEMBLE, FAMILY_GAINS
from yt8m_distill.experiments.size_constrained.runs import Choice

SEEDS = [0, 1, 2]


def first_three(data, averaged=()):
    return {
        family: Choice(tuple(f"{family}{n}" for n in (1, 2, 3)), family in averaged)
        for family in runs.taught_families(data)
    }


def gains(plan):
    return 0.3 + 0.005 * ("-hard-" not in plan.name)


# Runs


@pytest.mark.parametrize("data", [FRAMES, VIDEOS, _quick(FRAMES), _quick(VIDEOS)])
def test_four_families_have_candidates_of_which_no_two_are_alike(data):
    families = runs.families(data)
    assert tuple(families) == runs.FAMILIES[data.features.level]
    models = [name for names in families.values() for name in names]
    assert len({str(data.models[name]) for name in models}) == len(models)
    assert runs.TWICE_TAUGHT[data.features.level] in runs.taught_families(data)


def test_students_of_three_unaveraged_models_have_the_plain_names():
    choice = first_three(VIDEOS)["HiddenBN"]
    soft = runs.planned(VIDEOS, choice, "HiddenBN2", "soft", 4)
    assert soft.name == "HiddenBN2-soft-seed4"
    assert [teacher.name for teacher in soft.teachers] == [f"HiddenBN{n}-hard-seed4" for n in (1, 2, 3)]
    assert soft.model == runs.trained(VIDEOS, "HiddenBN2", 4).model
    params = soft.distillation
    assert (params.ground_truth_weight, params.teacher_prediction_weight) == (0.5, 0.5)  # lambda of equation 2
    assert params.prediction_distance == "cross_entropy"


def test_students_of_others_are_named_after_them():
    choice = Choice(("Hidden1", "Hidden2", "Hidden4"), averaged=True)
    second = runs.planned(VIDEOS, choice, "Hidden4", "second", 0)
    assert second.name == "Hidden4-second-of1+2+4-ema-seed0"
    assert [t.name for t in second.teachers] == [f"Hidden{n}-soft-of1+2+4-ema-seed0-ema" for n in (1, 2, 4)]
    averaged = second.teachers[0]
    assert averaged.source.name == "Hidden1-soft-of1+2+4-ema-seed0"
    assert averaged.teachers == averaged.source.teachers  # it goes on with the same targets
    assert [teacher.name for teacher in averaged.teachers] == [f"Hidden{n}-hard-seed0-ema" for n in (1, 2, 4)]


def test_an_average_goes_on_at_a_fifth_of_the_learning_rate():
    data = dataclasses.replace(
        VIDEOS, training=dataclasses.replace(VIDEOS.training, learning_rate_schedule="cosine", base_learning_rate=0.005)
    )
    plan = runs.averaged(runs.trained(data, "Hidden1", 3))
    assert (plan.training.base_learning_rate, plan.training.learning_rate_schedule) == (0.001, "exponential")
    assert (plan.training.learning_rate_decay, plan.training.num_epochs, plan.training.seed) == (1.0, 2, 3)
    assert 0 < plan.training.average_decay < 1


def test_the_last_models_are_those_of_the_last_round():
    chosen = {"MoE": Choice(("MoE",), True), **first_three(VIDEOS, averaged=["HiddenBN"])}
    names = {model: plan.name for model, plan in runs.last_of(VIDEOS, chosen, 0).items()}
    assert list(names) == ["MoE", "Hidden1", "Hidden2", "Hidden3", "HiddenBN1", "HiddenBN2", "HiddenBN3"]
    assert names["MoE"] == "MoE-hard-seed0-ema"
    assert names["Hidden3"] == "Hidden3-second-seed0"
    assert names["HiddenBN1"] == "HiddenBN1-soft-of1+2+3-ema-seed0-ema"


# Choices


def test_halves_share_no_shard():
    assert choices.halves("abcde") == (("a", "c", "e"), ("b", "d"))
    with pytest.raises(InputError, match=r"eval is the only evaluation shard.*expected at least 2"):
        choices.halves(["eval"])


@pytest.mark.parametrize("table", [table1.table1, table2.table2, table3.table3, table4.table4])
def test_one_evaluation_shard_is_refused_before_anything_is_trained(table):
    runner = MadeUpRunner(lambda plan: pytest.fail(f"{plan.name} was trained"))
    runner.evaluation = runner.evaluation[:1]
    with pytest.raises(InputError, match=r"eval0.tfrecord is the only evaluation shard"):
        table(VIDEOS, runner, SEEDS)


def scores(plain, averaged, together):
    both = {"plain": plain, "averaged": averaged}
    return {kind: {"alone": dict(zip("abcd", gaps, strict=False)), "together": together} for kind, gaps in both.items()}


def test_a_family_is_averaged_where_that_gains_over_all_its_models_and_seeds():
    loses = scores([0.3, 0.3], [0.4, 0.1], {})
    assert choices.best_choice(("a", "b"), [loses]) == Choice(("a", "b"), averaged=False)
    gains_more = scores([0.3, 0.3], [0.3, 0.5], {})
    assert choices.best_choice(("a", "b"), [loses, gains_more]) == Choice(("a", "b"), averaged=True)


def test_the_three_with_the_best_mean_over_seeds_are_picked():
    found = [scores([0.3], [0.2], {"a+b+c": first, "a+b+d": second}) for first, second in ((0.50, 0.49), (0.40, 0.42))]
    assert choices.best_choice(("a", "b", "c", "d"), found).models == ("a", "b", "d")


# Tables


def test_averaging_stands_beside_the_papers_by_family(monkeypatch):
    gap = {"RNN": 0.003, "DBoF": 0.002, "NetVLAD": 0.001, "FVNet": -0.002}
    runner = MadeUpRunner(lambda plan: 0.4 + (gap[plan.name.split("-")[0][:-1]] if plan.source else 0))
    chosen = {family: Choice((), gap[family] > 0) for family in gap}
    monkeypatch.setattr(table1, "choose", lambda *_: chosen)
    table = table1.table1(FRAMES, runner, SEEDS)
    lines = {row[0]: row for row in table.rows}
    assert lines["RNN"][1:] == [
        "0.4000 (0)", "0.3900 (0)", "0.4030 (0)", "+0.00300 (0)", "averaged", "|", "RNN", "+0.00339",
    ]  # fmt: skip
    assert lines["FVNet"][4:] == ["-0.00200 (0)", "as trained", "|", "FVNet", "-0.00186"]
    assert [claim.verdict for claim in table.claims] == [HOLDS, HOLDS]
    assert {row["row"] for row in table.records if row["source"] == "paper"} == set(AVERAGING)


def measured(gap, change, weights=30_000_000, seconds=(1.0, 1.1, 1.0)):
    small = {"gap": gap + change, "bytes": round(weights * 1.001), "seconds": [s * 1.01 for s in seconds]}
    return {
        "float": {"gap": gap, "bytes": 4 * weights, "seconds": list(seconds)},
        "quantized": small,
        "weights": weights,
    }


def test_quantised_models_are_held_against_their_floats(monkeypatch):
    made = {"FVNet": measured(0.4, -0.0001), "NetVLAD": measured(0.5, 0.0, 1000)}
    monkeypatch.setattr(table2, "choose", lambda *_: {f: Choice((f"{f}1",), False) for f in made})
    monkeypatch.setattr(table2, "_measured", lambda runner, plan, gap: made[plan.name.split("1")[0]])
    table = table2.table2(FRAMES, MadeUpRunner(gains), [0])
    floats, eight = (row for row in table.rows if row[0] == "FVNet1" or row[6] == "-0.00010")
    assert floats[1:7] == ["float32", "0.40000", "1.00", "120.000", "100.00%", ""]
    assert eight[:8] == ["", "8 bits", "0.39990", "1.01", "30.030", "25.02%", "-0.00010", "|"]
    assert eight[8:] == ["", "0.87237", "507.79", "117", "25.03%", "+0.00001"]
    assert [claim.verdict for claim in table.claims] == [HOLDS, HOLDS]
    assert [len(claim.comparisons) for claim in table.claims] == [2, 1]  # one model has 20 million weights
    made["FVNet"] = measured(0.4, -0.0003)
    made["FVNet"]["quantized"] |= {"bytes": 31_000_000}
    assert [claim.verdict for claim in table2.table2(FRAMES, MadeUpRunner(gains), [0]).claims] == [FAILS] * 2


@pytest.mark.parametrize("place", range(3))
def test_nan_of_one_seed_is_its_largest_change(place):
    changes = [-0.0001, 0.0001]
    changes.insert(place, math.nan)
    found = {"FVNet": {seed: measured(0.4, change) for seed, change in enumerate(changes)}}
    claim, _ = table2._claims(found)
    assert claim.verdict == FAILS


def test_models_of_the_papers_families_stand_beside_the_papers():
    table = table3.distillation_table(FRAMES, MadeUpRunner(gains), SEEDS, first_three(FRAMES, averaged=["RNN"]))
    lines = {row[0]: row for row in table.rows}
    ours = ["DBoF1", "0.3050 (0)", "0.3000 (0)", "0.0050 (0)", "0.0050 (0)", ""]
    assert lines["DBoF1"] == [*ours, "|", "DBoF1", "0.8720", "0.8682", "0.0038", "0.0041"]
    assert lines["NetVLAD2"][5] == "0.3050 (0)"  # the second round
    assert lines["FVNet2"][6:] == ["|"]  # the paper has one
    assert [row[7] for row in table.rows[2:] if not row[0]] == ["NetVLAD4", "NetVLAD5", "NetVLAD6"]
    assert "RNN: taught by the mean of RNN1, RNN2, RNN3, their weights averaged" in table.notes
    assert [claim.verdict for claim in table.claims] == [HOLDS] * 3
    worse = table3.distillation_table(FRAMES, MadeUpRunner(lambda plan: -gains(plan)), SEEDS, first_three(FRAMES))
    assert [claim.verdict for claim in worse.claims] == [FAILS, FAILS, HOLDS]


def test_the_papers_gains_are_its_differences():
    for first, gain in FAMILY_GAINS.items():
        family = [pair for model, pair in DISTILLATION.items() if model[:-1] == first[:-1]]
        assert sum(after - before for after, before in family) / len(family) == pytest.approx(gain, abs=2e-5)
    assert sum(weight for _, weight in ENSEMBLE.values()) == pytest.approx(1, abs=1e-3)


def weighed(final, seed=0):
    ways = (ensemble.SINGLE, ensemble.EQUAL, ensemble.RANDOM, ensemble.SEARCHED, ensemble.CHOSEN)
    gaps = {way: {"search": 0.5, "held out": 0.45, "final": gap} for way, gap in zip(ways, final, strict=True)}
    del gaps[ensemble.RANDOM]["held out"]  # its folds are not searched
    names = (f"RNN1-soft-seed{seed}", f"DBoF2-soft-seed{seed}-ema")
    cells = {"model": "x", "MB": 0.25, "% of all": 1.0, "weight": 1.0, "marginal GAP": 0.4, "GAP": 0.4}
    members = [{"member": names[0], **cells}, {"member": names[1], **cells, "weight": 0.0}]
    sizes = {"bytes": 250_000, "budget": 2**19, "float": 5 * 2**20, "proven": 1.0}
    return {"members": members, "weights": dict(zip(names, (1.0, 0.0), strict=True)), "gaps": gaps, **sizes}


GRAPH = {"gap": 0.44, "map": 0.2, "difference": 1e-7, "bytes": 300_000, "budget": 2**30, "videos": 12}


def test_the_final_ensemble_stands_beside_the_papers():
    found = {seed: weighed((0.41, 0.42, 0.43, 0.435 + seed / 1e4, 0.44), seed) for seed in SEEDS}
    table = table4.ensemble_table(FRAMES, MadeUpRunner(gains), found, GRAPH)
    assert table.rows[2][:6] == ["RNN1", "0.250", "100.00%", "1.0000", "+0.40000", "0.40000"]
    assert table.rows[2][6:] == ["|", "RNN1", "54", "5.13%", "0.0063"]
    assert table.rows[3][:4] == ["DBoF2", "0.250", "left out", ""]
    assert table.rows[-1][6:] == ["|", "all", "1052", "100.00%", "1.0000"]
    text = "\n".join(table.summary)
    assert "one graph, quantised (seed 0)" in text and "0.238 MiB of a budget of 0.500 MiB" in text
    assert "export: 0.286 MiB on disk, of the paper's 1024 MiB" in text
    assert "read off the other 1, which no search has seen" in table.notes[1]
    assert list(table.written) == ["weights", "export", "model card", "submission"]
    assert [claim.verdict for claim in table.claims] == [HOLDS] * 3


def test_the_export_has_the_budget_that_was_given(monkeypatch):
    monkeypatch.setattr(table4, "choose", lambda *_: first_three(VIDEOS))
    monkeypatch.setattr(table4, "weighed_ensemble", lambda *_: weighed((0.41, 0.42, 0.43, 0.435, 0.44)))
    monkeypatch.setattr(table4, "exported", lambda *given: GRAPH | {"budget": given[-1] * 2**20})
    small = dataclasses.replace(VIDEOS, size_budget_mb=0.5)
    summary = table4.table4(small, MadeUpRunner(gains), SEEDS).summary
    assert "export: 0.286 MiB on disk, of a budget of 0.5 MiB" in summary


@pytest.mark.parametrize("wrong", [{"difference": 1e-3}, {"difference": math.nan}, {"gap": math.nan}])
def test_an_ensemble_that_is_not_what_it_says_is_seen(wrong):
    found = {0: weighed((0.41, 0.42, 0.43, 0.43, 0.44))}
    table = table4.ensemble_table(FRAMES, MadeUpRunner(gains), found, GRAPH | wrong)
    assert [claim.verdict for claim in table.claims] == [UNDECIDED, UNDECIDED, FAILS]
