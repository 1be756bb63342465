"""Table 1 of Wu et al., "Multi-teacher knowledge distillation for compressed video action recognition", ICASSP 2019.

The paper's inputs (I-frame, motion vector, residual) are modalities here: rgb, audio, and both together. Teachers are
large hidden layers, students small ones; a student learns from labels alone, from the teacher of its own input, or from
all three, which count alike (equation 10 with equal mu) or as their late fusion has it. The students of one kind are
fused late: a weighted mean of their predictions. Its weights, and mu, are the best of a grid on shards that were held
out of the training data. Lambda of equation 9 is 0.5 and T is 1: at T = 2 the sigmoids of thousands of unlikely classes
outweigh those of the labels (docs/decisions.md).
"""

import dataclasses

from yt8m_distill.errors import InputError
from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above
from yt8m_distill.experiments.fusion import fused_results
from yt8m_distill.experiments.layout import Table, by_seed, cell, paper_cell, records, spread_note
from yt8m_distill.experiments.plans import HALF_EACH, Plan

CITATION = 'Wu, Chiu & Wu, "Multi-teacher knowledge distillation for compressed video action recognition", ICASSP 2019'

# Accuracy in % on UCF-101 and HMDB51: CoViAR (the teachers), and the students of all three.
PUBLISHED = {
    "Iframe": ((87.25, 51.13), (84.17, 48.91)),
    "mv": ((67.02, 34.47), (70.84, 44.86)),
    "residual": ((80.88, 40.85), (83.92, 48.39)),
    "Fusion": ((90.29, 56.51), (88.50, 56.16)),
}
_INPUTS = ("rgb", "audio", "rgb + audio")
_KINDS = {
    "teacher": "Baseline: teachers",
    "labels": "Students, labels alone",
    "one": "Students, one teacher",
    "three": "Multi-teacher distillation, equal mu",
    "weighted": "Multi-teacher distillation, mu found",
}
_HELD_OUT = 0.1  # of the training shards, at least one


def table1(data, runner, seeds):
    """The Table of a DataSet with rgb and audio, trained by a Runner.

    Raises:
      InputError: there is one training shard alone, which cannot be held out.
    """
    count = max(1, round(_HELD_OUT * len(data.train)))
    held_out = data.train[-count:]
    used = data.train[:-count]
    if not used:
        raise InputError("multi_teacher/1 holds out a training shard: expected at least 2 in train/.")
    results, weights = {}, {}
    for kind in _KINDS:  # teachers first: how they are fused decides what the last students learn
        plans = {
            (kind, name): {seed: _plan(data, used, kind, name, seed, weights.get("teacher")) for seed in seeds}
            for name in _INPUTS
        }
        results |= runner.run_cells(plans)
        found = {
            seed: fused_results(runner, [plans[kind, name][seed] for name in _INPUTS], held_out, f"{kind}-seed{seed}")
            for seed in seeds
        }
        results[kind, "Fusion"] = found
        weights[kind] = {seed: tuple(found[seed]["weights"]) for seed in seeds}
    return Table(
        f"Table 1 of {CITATION}",
        (
            f"GAP and mAP here, accuracy (%) on UCF-101 / HMDB51 in the paper; {spread_note(seeds)}",
            "in square brackets the gain over the teacher of the same input",
            f"weights of {', '.join(_INPUTS)} in each fusion, found on {count} held-out shards, by seed:",
            *(f"  {_KINDS[kind]} {', '.join(map(_slashed, found.values()))}" for kind, found in weights.items()),
        ),
        _text(results),
        records({(name, _KINDS[kind]): found for (kind, name), found in results.items()}, {}),
        tuple(_claims(results)),
        lambda path: plots.draw_bars(path, data.title, "GAP", _bars(results)),
    )


def _slashed(weights):
    return "/".join(f"{weight:.1f}" for weight in weights)


def _plan(data, shards, kind, name, seed, fusion=None):
    """The Plan of one cell; `fusion` {seed: weight of each teacher}, of which those of 0 do not teach."""
    training = dataclasses.replace(data.training, seed=seed)
    model = data.model("Teacher" if kind == "teacher" else "Student")
    plan = Plan(f"{name.replace(' ', '')}-{kind}-seed{seed}", model, _features(data, name), training, shards)
    mu = {"one": {name: 1.0}, "three": dict.fromkeys(_INPUTS, 1.0)}.get(kind, {})
    if kind == "weighted":
        mu = {one: weight for one, weight in zip(_INPUTS, fusion[seed], strict=True) if weight}
    if not mu:
        return plan
    teachers = tuple(_plan(data, shards, "teacher", one, seed) for one in mu)
    weights = tuple(mu.values()) if kind == "weighted" else ()
    return dataclasses.replace(plan, distillation=HALF_EACH, teachers=teachers, teacher_weights=weights, stored=False)


def _features(data, name):
    """The FeatureSpec of one input."""
    spec = data.features
    chosen = [number for number, feature in enumerate(spec.names) if name == _INPUTS[2] or name in feature]
    names, sizes = (tuple(values[number] for number in chosen) for values in (spec.names, spec.sizes))
    return dataclasses.replace(spec, names=names, sizes=sizes)


def _text(results):
    rows = [["", "here", "", "", "|", "paper"], ["", "Input", "GAP", "mAP", "|", "Input", "UCF-101", "HMDB51"]]
    for kind, title in _KINDS.items():
        for place, (name, (other, pairs)) in enumerate(zip((*_INPUTS, "Fusion"), PUBLISHED.items(), strict=True)):
            found = results[kind, name]
            own = [name, _with_gain(results, kind, name, "gap"), cell(by_seed(found, "map"))]
            theirs = []
            if kind in ("teacher", "three"):  # the paper does not state its mu
                theirs = [other, *(paper_cell(value, 2) for value in pairs[kind == "three"])]
            rows.append([title if place == 0 else "", *own, "|", *theirs])
    return rows


def _with_gain(results, kind, name, metric):
    own = by_seed(results[kind, name], metric)
    if kind == "teacher":
        return cell(own)
    teacher = by_seed(results["teacher", name], metric)
    gain = sum(own[seed] - teacher[seed] for seed in own) / len(own)
    return f"{cell(own)} [{gain:+.3f}]"


def _claims(results):
    gap = {key: by_seed(found) for key, found in results.items()}
    inputs = (*_INPUTS, "Fusion")
    for kind, who in (("three", "three teachers with equal mu"), ("weighted", "the teachers' fusion, as mu has it")):
        for other, text in (("one", "one teacher"), ("labels", "the labels alone")):
            yield Claim(
                f"Students of {who} do better than students of {text}.",
                tuple(above(name, gap[kind, name], gap[other, name]) for name in inputs),
            )
    yield Claim(
        "A student of three teachers exceeds a weak teacher of its own input (motion vector, residual; here audio).",
        (above("audio, student over teacher", gap["three", "audio"], gap["teacher", "audio"]),),
    )
    yield Claim(
        "The fusion of the students exceeds each of them.",
        tuple(above(f"Fusion over {name}", gap["three", "Fusion"], gap["three", name]) for name in _INPUTS),
    )


def _bars(results):
    return {
        name: {title: by_seed(results[kind, name]) for kind, title in _KINDS.items()} for name in (*_INPUTS, "Fusion")
    }
