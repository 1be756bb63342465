"""Table 3: what soft labels gain.

Three models of a family are trained on the labels; the mean of their predictions is stored; the same three are trained
again with equation 2 (labels and soft labels, one half each). A second round does the same with the students of the
paper's best family (NetVLAD; without frames the plain hidden layers) as teachers. A student starts with the weights
that its twin among the teachers started with. Every row compares models as trained, before averaging.
"""

from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above, alike
from yt8m_distill.experiments.layout import Table, by_seed, cell, paper_cell, records, spread_note
from yt8m_distill.experiments.size_constrained.choices import choose
from yt8m_distill.experiments.size_constrained.published import CITATION, DISTILLATION, FAMILY_GAINS
from yt8m_distill.experiments.size_constrained.runs import TWICE_TAUGHT, planned, rounds, taught_families

_MATCHED = 0.002  # GAP: "statistically matched"; the paper's gains within a family spread by as much


def table3(data, runner, seeds):
    """The Table of a frame- or video-level DataSet, trained by a Runner."""
    return distillation_table(data, runner, seeds, choose(data, runner, seeds, taught_families(data)))


def distillation_table(data, runner, seeds, chosen):
    """The same of {family: Choice}."""
    results = runner.run_cells(_plans(data, seeds, chosen))
    gap = {key: by_seed(found) for key, found in results.items()}
    models = {family: choice.models for family, choice in chosen.items()}
    again = models[TWICE_TAUGHT[data.features.level]]
    ours = {(model, _CONDITIONS[kind]): results[model, kind] for model, kind in results}
    theirs = {
        (model, _CONDITIONS[kind]): (value, None)
        for model, pair in DISTILLATION.items()
        for kind, value in zip(("soft", "hard"), pair, strict=True)
    }
    return Table(
        f"Table 3 of {CITATION}",
        (
            f"GAP on all evaluation shards; {spread_note(seeds)}",
            "the three of a family were picked by the GAP of their mean on every other one of these shards",
            *(_teachers_note(family, choice) for family, choice in chosen.items()),
        ),
        _text(models, gap),
        records(ours, theirs),
        tuple(_claims(models, again, gap)),
        lambda path: plots.draw_bars(path, data.title, "GAP", {m: _bars(gap, m) for m in sum(models.values(), ())}),
    )


_CONDITIONS = {"hard": "no distillation", "soft": "post distillation", "second": "second round"}


def _teachers_note(family, choice):
    averaged = ", their weights averaged" if choice.averaged else ""
    return f"{family}: taught by the mean of {', '.join(choice.models)}{averaged}"


def _plans(data, seeds, chosen):
    return {
        (model, kind): {seed: planned(data, choice, model, kind, seed) for seed in seeds}
        for family, choice in chosen.items()
        for kind in rounds(data, family)
        for model in choice.models
    }


def _gain(gap, model, after="soft", before="hard"):
    """{seed: difference}."""
    return {seed: value - gap[model, before][seed] for seed, value in gap[model, after].items()}


def _family_gain(gap, models):
    gains = [_gain(gap, model) for model in models]
    return {seed: sum(gain[seed] for gain in gains) / len(gains) for seed in gains[0]}


def _text(families, gap):
    rows = [["here", "", "", "", "", "", "|", "paper"]]
    heads = ["Model", "Post Distillation", "No Distillation", "Gain", "Family Gain"]
    rows.append([*heads, "Second round", "|", *heads])
    for models in families.values():
        for model in models:
            ours = [model, *(cell(gap[model, kind], 4) for kind in ("soft", "hard")), cell(_gain(gap, model), 4)]
            ours.append(cell(_family_gain(gap, models), 4) if model == models[0] else "")
            ours.append(cell(gap[model, "second"], 4) if (model, "second") in gap else "")
            rows.append([*ours, "|", *(_paper_row(model) if model in DISTILLATION else [])])
    there = {row[0] for row in rows}
    return rows + [["", "", "", "", "", "", "|", *_paper_row(left)] for left in DISTILLATION if left not in there]


def _paper_row(model):
    after, before = DISTILLATION[model]
    family = [paper_cell(FAMILY_GAINS[model], 4)] if model in FAMILY_GAINS else []
    return [model, *(paper_cell(value, 4) for value in (after, before, after - before)), *family]


def _claims(families, again, gap):
    zero = dict.fromkeys(gap[again[0], "hard"], 0.0)
    yield Claim(
        "Models trained on labels and soft labels do better than the same models on labels alone.",
        tuple(above(m, gap[m, "soft"], gap[m, "hard"]) for models in families.values() for m in models),
    )
    yield Claim(
        "Every family gains (0.0041 to 0.0129 in the paper).",
        tuple(above(family, _family_gain(gap, models), zero) for family, models in families.items()),
    )
    yield Claim(
        f"A second round matches the first (GAP within {_MATCHED}).",
        tuple(alike(model, gap[model, "second"], gap[model, "soft"], _MATCHED) for model in again),
    )


def _bars(gap, model):
    return {_CONDITIONS[kind]: gap[model, kind] for kind in _CONDITIONS if (model, kind) in gap}
