"""Table 1: what averaging the weights changes, by family."""

import statistics

from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above
from yt8m_distill.experiments.layout import Table, by_seed, cell, records, spread_note
from yt8m_distill.experiments.size_constrained import published
from yt8m_distill.experiments.size_constrained.choices import candidates, choose
from yt8m_distill.experiments.size_constrained.runs import families

_SMALL, _LARGE = ("RNN", "DBoF"), ("FVNet", "NetVLAD")


def table1(data, runner, seeds):
    """The Table of a frame- or video-level DataSet, trained by a Runner."""
    names = list(families(data))
    chosen = choose(data, runner, seeds, names)
    results = runner.run_cells(candidates(data, seeds, names))
    before = {family: _mean(results, models, "plain") for family, models in families(data).items()}
    last = {family: _mean(results, models, "averaged", "last_gap") for family, models in families(data).items()}
    after = {family: _mean(results, models, "averaged") for family, models in families(data).items()}
    change = {family: _difference(after[family], before[family]) for family in before}
    theirs = {(family, "change"): (value, None) for family, value in published.AVERAGING.items()}
    return Table(
        f"Table 1 of {published.CITATION}",
        (
            f"GAP, mean over the models of a family (1 to 4), on all evaluation shards; {spread_note(seeds)}",
            "averaged: the moving average of the weights over two more epochs at a fifth of the first learning rate; "
            "last: the weights themselves at the end of these",
            "a family goes on averaged where the mean GAP of its models rises on the first half of the shards",
        ),
        _text(before, last, after, change, chosen),
        records(results, theirs),
        tuple(_claims(change)),
        lambda path: plots.draw_bars(path, data.title, "GAP", _bars(before, last, after)),
    )


def _mean(results, models, kind, metric="gap"):
    """{seed: mean over the models}."""
    found = [by_seed(results[model, kind], metric) for model in models]
    return {seed: statistics.fmean(one[seed] for one in found) for seed in found[0]}


def _difference(one, other):
    return {seed: value - other[seed] for seed, value in one.items()}


def _text(before, last, after, change, chosen):
    rows = [["here", "", "", "", "", "", "|", "paper"]]
    heads = ["Model Family", "trained", "last", "averaged", "GAP change", "goes on"]
    rows.append([*heads, "|", "Model Family", "GAP change"])
    paper = published.AVERAGING
    for family in before:
        gaps = [cell(part[family], 4) for part in (before, last, after)]
        goes_on = "averaged" if chosen[family].averaged else "as trained"
        theirs = [family, f"{paper[family]:+.5f}"] if family in paper else []
        rows.append([family, *gaps, _signed(change[family]), goes_on, "|", *theirs])
    left = [family for family in paper if family not in before]
    return rows + [[*[""] * 6, "|", family, f"{paper[family]:+.5f}"] for family in left]


def _signed(values):
    text = cell(values, 5)
    return text if text.startswith("-") else f"+{text}"


def _claims(change):
    zero = dict.fromkeys(next(iter(change.values())), 0.0)
    small = [family for family in change if family in _SMALL] or list(change)
    yield Claim(
        "Averaging gains for the families of smaller models (RNN +0.0034 and DBoF +0.0022 in the paper).",
        tuple(above(family, change[family], zero) for family in small),
    )
    if large := [family for family in change if family in _LARGE]:
        gain = {seed: statistics.fmean(change[family][seed] for family in small) for seed in zero}
        yield Claim(
            "It gains less for the larger ones (FVNet -0.0019 and NetVLAD +0.0007 in the paper).",
            tuple(above(f"RNN and DBoF over {family}", gain, change[family]) for family in large),
        )


def _bars(before, last, after):
    return {family: {"trained": before[family], "last": last[family], "averaged": after[family]} for family in before}
