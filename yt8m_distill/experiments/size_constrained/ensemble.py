"""Weights of an ensemble within a budget, searched on one half of the evaluation shards and scored on the other.

OUTPUT/predictions/HALF-seedS-X.npz  what the members predict, X of their checksums
OUTPUT/ensemble/seedS.json           the members and their weights (.txt and .csv: what each adds)
OUTPUT/ensemble/seedS-scores.json    GAP of every way to weigh them
"""

import hashlib
import os

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.budgeted_ensemble import BudgetedFit
from yt8m_distill.compression.nested_search import marginal_gap, scored_fit
from yt8m_distill.compression.stored_size import stored_bytes
from yt8m_distill.compression.weight_search import (
    ascend,
    equal_weights,
    gap_of,
    random_search,
    share_proven,
    single_weights,
)
from yt8m_distill.experiments.ensemble_candidates import candidates_of
from yt8m_distill.experiments.ensemble_report import EnsembleReport
from yt8m_distill.experiments.kept_result import kept_result
from yt8m_distill.experiments.size_constrained.choices import halves
from yt8m_distill.experiments.size_constrained.members import quantized_run
from yt8m_distill.export.budget import MIB, graph_reserve
from yt8m_distill.inference.member_predictions import stored_predictions

SINGLE, EQUAL, RANDOM, SEARCHED, CHOSEN = (
    "best member",
    "equal weights",
    "random search",
    "ascent",
    "within the budget",
)
_FOLDS = 5
_TRIALS = 1000
_SHARE = 0.1  # of the float size: binds where 8 bits are a quarter of it


def weighed_ensemble(data, runner, plans, seed):
    """The ensemble of the quantised runs of {name: Plan}, from files where they hold it.

    Where `data.size_budget_mb` is given, it is the whole export's: of each member `graph_reserve` is left to its graph.
    Else the weights alone may take a tenth of what those of all candidates take in float32.

    Returns:
      {"members": as `EnsembleReport.records` has them, but for "marginal GAP", which is that on the final videos,
      "weights": by name, "gaps": {way: {"search", "final" and, where folds were searched, "held out": GAP}}, "proven":
      share of the final videos whose best classes are certain to be known, "bytes", "budget" and "float": bytes of the
      members, of the budget, of all candidates in float32}.
    """
    runs = [quantized_run(runner, plan) for plan in plans.values()]
    made_with = {
        "checkpoints": [checkpoint_checksum(run.checkpoint) for run in runs],
        "shards": list(map(os.path.abspath, runner.evaluation)),
        "size_budget_mb": data.size_budget_mb,
        "trials": _TRIALS,
        "marginal GAP": "of the final shards",
    }
    if data.size_budget_mb:
        made_with["reserve"] = graph_reserve(data.features)
    path = weights_path(runner, seed)
    scores = path.replace(".json", "-scores.json")
    if os.path.exists(scores) and not os.path.exists(path):
        os.remove(scores)
    return kept_result(scores, made_with, lambda: _weighed(data, runner, plans, runs, seed))


def _weighed(data, runner, plans, runs, seed):
    in_float = sum(stored_bytes(runner.finished(plan)) for plan in plans.values())
    keras.backend.clear_session()
    members = candidates_of(runs)
    mark = hashlib.sha256("".join(member.checksum for member in members).encode()).hexdigest()[:8]
    search, final = _predictions(runner, runs, f"seed{seed}-{mark}")
    return _weigh(members, search, final, _limits(data, in_float), weights_path(runner, seed)) | {"float": in_float}


def _limits(data, in_float):
    """{"budget", "reserve"} of a BudgetedFit, in bytes."""
    if data.size_budget_mb:
        return {"budget": round(data.size_budget_mb * MIB), "reserve": graph_reserve(data.features)}
    return {"budget": round(_SHARE * in_float), "reserve": 0}


def weights_path(runner, seed):
    """The file of the members and their weights."""
    return os.path.join(runner.output_dir, "ensemble", f"seed{seed}.json")


def _predictions(runner, runs, name):
    """KeptPredictions of (the first half, the last half)."""
    folder = os.path.join(runner.output_dir, "predictions")
    os.makedirs(folder, exist_ok=True)
    kept = []
    for half, shards in zip(("search", "final"), halves(runner.evaluation), strict=True):
        kept.append(stored_predictions(os.path.join(folder, f"{half}-{name}.npz"), runs, shards))
        keras.backend.clear_session()
    return kept


def _weigh(members, search, final, limits, path):
    grown = BudgetedFit([member.num_bytes for member in members], **limits)
    weights, score = scored_fit(grown, search, _FOLDS)
    steps = grown.step_records([member.name for member in members])
    settings = {"method": "greedy", **limits, "folds": _FOLDS, "steps": steps}
    report = EnsembleReport(members, tuple(map(float, weights)), settings, score)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    report.write(path)
    ways = {
        SINGLE: single_weights(search),
        EQUAL: equal_weights(search),
        RANDOM: random_search(search, _TRIALS),
        SEARCHED: ascend(search),
        CHOSEN: weights,
    }
    held_out = {SINGLE: score.nested.single, EQUAL: score.nested.equal, CHOSEN: score.nested.held_out}
    lost = {member.name: float(gap) for member, gap in zip(members, marginal_gap(weights, final), strict=True)}
    return {
        "members": [record | {"marginal GAP": lost[record["member"]]} for record in report.records()],
        "weights": {member.name: float(weight) for member, weight in zip(members, weights, strict=True)},
        "gaps": {
            name: {
                "search": float(gap_of(of, search)),
                **({"held out": float(held_out[name].mean())} if name in held_out else {}),
                "final": float(gap_of(of, final)),
            }
            for name, of in ways.items()
        },
        "proven": share_proven(weights, final),
        "bytes": report.num_bytes,
        "budget": limits["budget"],
    }
