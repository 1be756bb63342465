"""Which families are averaged, and which three models of each go on: chosen on one half of the evaluation shards.

OUTPUT/chosen/FAMILY-seedS.json  the GAP of every candidate and of every three of them, averaged or not
"""

import itertools
import os
import statistics

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.errors import InputError
from yt8m_distill.experiments.fusion import predict_all, score
from yt8m_distill.experiments.kept_result import kept_result
from yt8m_distill.experiments.size_constrained.runs import PICKED, Choice, averaged, families, trained

KINDS = ("plain", "averaged")


def halves(shards):
    """(shards that choices and weights may be fitted to, shards that only the end result is read off).

    Raises:
      InputError: there is only one shard.
    """
    if len(shards) < 2:
        raise InputError(f"{shards[0]} is the only evaluation shard: one half is searched on, so expected at least 2.")
    return tuple(shards[0::2]), tuple(shards[1::2])


def candidates(data, seeds, names):
    """{(model, kind): {seed: Plan}} of every candidate of the families of these names, plain and averaged."""
    plain = {
        model: {seed: trained(data, model, seed) for seed in seeds}
        for family in names
        for model in families(data)[family]
    }
    both = {(model, "plain"): plans for model, plans in plain.items()}
    for model, plans in plain.items():
        both[model, "averaged"] = {seed: averaged(plan) for seed, plan in plans.items()}
    return both


def choose(data, runner, seeds, names):
    """{family: Choice} of the families of these names; candidates are trained where they are not yet.

    A family is averaged where that raises the mean GAP of its candidates; then the three whose equally weighted mean
    has the highest GAP are picked. The mean over seeds decides.

    Raises:
      InputError: there is only one evaluation shard; nothing has been trained then.
    """
    halves(runner.evaluation)  # raises, before hours of training
    plans = candidates(data, seeds, names)
    runner.run_cells(plans)
    chosen = {}
    for family in names:
        models = families(data)[family]
        keys = [(model, kind) for kind in KINDS for model in models]
        found = [_scores(runner, f"{family}-seed{seed}", {key: plans[key][seed] for key in keys}) for seed in seeds]
        chosen[family] = best_choice(models, found)
    return chosen


def best_choice(models, found):
    """The Choice of a family by its scores of every seed, see `_scores`."""
    alone = {kind: statistics.fmean(gap for one in found for gap in one[kind]["alone"].values()) for kind in KINDS}
    kind = max(KINDS, key=alone.__getitem__)
    together = [one[kind]["together"] for one in found]
    mean = {names: statistics.fmean(gaps[names] for gaps in together) for names in together[0]}
    return Choice(tuple(max(mean, key=mean.__getitem__).split("+")) if mean else models, kind == "averaged")


def _scores(runner, name, plans):
    """{kind: {"alone": {model: GAP}, "together": {names joined by +: GAP}}} on the first half; kept in a file."""
    runs = {key: runner.finished(plan) for key, plan in plans.items()}
    shards, _ = halves(runner.evaluation)
    made_with = {
        "checkpoints": {"-".join(key): checkpoint_checksum(run.checkpoint) for key, run in runs.items()},
        "shards": list(map(os.path.abspath, shards)),
    }
    path = os.path.join(runner.output_dir, "chosen", f"{name}.json")
    return kept_result(path, made_with, lambda: {kind: _scores_of(runs, kind, shards) for kind in KINDS})


def _scores_of(runs, kind, shards):
    models = [model for model, of_kind in runs if of_kind == kind]
    found, labels = predict_all([runs[model, kind] for model in models], shards)
    keras.backend.clear_session()
    predictions = dict(zip(models, found, strict=True))
    together = {
        "+".join(names): score(sum(predictions[name] for name in names) / PICKED, labels)["gap"]
        for names in itertools.combinations(models, PICKED)
    }
    return {"alone": {name: score(one, labels)["gap"] for name, one in predictions.items()}, "together": together}
