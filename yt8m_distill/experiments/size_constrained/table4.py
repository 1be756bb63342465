"""Table 4: the final ensemble, what each member takes and adds, and what the one graph of all of them reaches."""

import itertools

from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, Comparison, above
from yt8m_distill.experiments.layout import Table, aligned, cell, spread_note
from yt8m_distill.experiments.size_constrained import published
from yt8m_distill.experiments.size_constrained.choices import choose, halves
from yt8m_distill.experiments.size_constrained.ensemble import (
    CHOSEN,
    EQUAL,
    RANDOM,
    SEARCHED,
    SINGLE,
    weighed_ensemble,
    weights_path,
)
from yt8m_distill.experiments.size_constrained.one_graph import exported, paths
from yt8m_distill.experiments.size_constrained.runs import families, last_of
from yt8m_distill.export.budget import MIB

_EQUAL = 1e-6  # of a prediction
_COLUMNS = ("search", "held out", "final")


def table4(data, runner, seeds):
    """The Table of a frame- or video-level DataSet; the export is of the first seed."""
    chosen = choose(data, runner, seeds, list(families(data)))
    plans = {seed: last_of(data, chosen, seed) for seed in seeds}
    runner.run([plan for of in plans.values() for plan in of.values()])
    found = {seed: weighed_ensemble(data, runner, of, seed) for seed, of in plans.items()}
    first = seeds[0]
    graph = exported(runner, plans[first], found[first]["weights"], data.size_budget_mb)
    return ensemble_table(data, runner, found, graph)


def ensemble_table(data, runner, found, graph):
    """The same of {seed: what `weighed_ensemble` returned} and what `exported` returned."""
    first, *_ = found
    searched, final = halves(runner.evaluation)
    return Table(
        f"Table 4 of {published.CITATION}",
        (
            f"members in 8 bits, averaged where their family is; rows and export are those of seed {first}",
            f"weights and choices were made on {len(searched)} of the evaluation shards (every other one, from the "
            f"first), GAP of the end result is read off the other {len(final)}, which no search has seen",
            "marginal GAP: what the ensemble loses on the final shards without the member, the others' weights in "
            "proportion",
        ),
        _text(found[first]),
        _records(found, graph),
        tuple(_claims(found, graph)),
        lambda path: plots.draw_bars(path, data.title, "GAP", _bars(found)),
        _summary(found, graph, data.size_budget_mb),
        {"weights": weights_path(runner, first), **paths(runner)},
    )


def _text(found):
    heads = ["Model", "size (MB)", "% of all", "weight"]
    rows = [["here", "", "", "", "", "", "|", "paper"], [*heads, "marginal GAP", "GAP alone", "|", *heads]]
    total = sum(size for size, _ in published.ENSEMBLE.values())
    theirs = [[m, f"{size}", f"{size / total:.2%}", f"{w:.4f}"] for m, (size, w) in published.ENSEMBLE.items()]
    ours = [_row(record) for record in found["members"]]
    ours.append(["all", f"{found['bytes'] / 1e6:.3f}", "100.00%", "1.0000", "", ""])
    theirs += [[]] * (len(ours) - 1 - len(theirs)) + [["all", f"{total}", "100.00%", "1.0000"]]
    return rows + [
        [*(left or [""] * 6), "|", *right] for left, right in itertools.zip_longest(ours, theirs, fillvalue=[])
    ]


def _row(record):
    if not record["weight"]:
        return [_model(record), f"{record['MB']:.3f}", "left out", "", "", f"{record['GAP']:.5f}"]
    share, marginal = f"{record['% of all']:.2%}", f"{record['marginal GAP']:+.5f}"
    weight, alone = f"{record['weight']:.4f}", f"{record['GAP']:.5f}"
    return [_model(record), f"{record['MB']:.3f}", share, weight, marginal, alone]


def _model(record):
    """The model's name, of the name of its run."""
    return record["member"].partition("-")[0]


def _gap(found, way, column):
    """{seed: GAP}."""
    return {seed: of["gaps"][way][column] for seed, of in found.items()}


def _summary(found, graph, given):
    rows = [["GAP of", "searched shards", "held out in five folds", "final shards"]]
    first, *_ = found
    for way in found[first]["gaps"]:
        there = found[first]["gaps"][way]
        rows.append([way, *(cell(_gap(found, way, c), 5) if c in there else "" for c in _COLUMNS)])
    rows.append([f"one graph, quantised (seed {first})", "", "", f"{graph['gap']:.5f}"])
    one, whose = found[first], "a budget of" if given else "the paper's"
    return (
        *aligned(rows).splitlines(),
        f"members: {one['bytes'] / MIB:.3f} MiB of a budget of {one['budget'] / MIB:.3f} MiB; all that there were to "
        f"choose from have {one['float'] / MIB:.3f} MiB in float32",
        f"export: {graph['bytes'] / MIB:.3f} MiB on disk, of {whose} {graph['budget'] / MIB:g} MiB",
        f"its predictions and the weighted sum of its members' differ by at most {graph['difference']:.1e}",
        f"the 20 best classes of the sum are certain to be known for {one['proven']:.2%} of the final videos",
        f"submission: {graph['videos']:,} videos",
        spread_note(list(found)),
    )


def _records(found, graph):
    rows = [
        {"row": _model(record), "condition": "member", "source": "here", "seed": seed, "GAP": record["GAP"]}
        | {key: record[key] for key in ("MB", "weight", "marginal GAP")}
        for seed, of in found.items()
        for record in of["members"]
    ]
    rows += [
        {"row": way, "condition": column, "source": "here", "seed": seed, "GAP": of["gaps"][way][column]}
        for seed, of in found.items()
        for way, gaps in of["gaps"].items()
        for column in gaps
    ]
    first, *_ = found
    rows.append({"row": "one graph", "condition": "final", "source": "here", "seed": first, "GAP": graph["gap"]})
    rows[-1]["mAP"] = graph["map"]
    theirs = {"condition": "member", "source": "paper", "seed": ""}
    return rows + [{"row": m, **theirs, "MB": size, "weight": w} for m, (size, w) in published.ENSEMBLE.items()]


def _claims(found, graph):
    final = {way: _gap(found, way, "final") for way in (SINGLE, EQUAL, RANDOM, SEARCHED, CHOSEN)}
    yield Claim(
        f"Weights by random search do better than equal ones ({published.SEARCH_GAIN} GAP in the paper, on the videos "
        "they were searched on; asked for here on others).",
        tuple(above(f"{way} over {EQUAL}", final[way], final[EQUAL]) for way in (RANDOM, SEARCHED)),
    )
    yield Claim(
        "The ensemble does better than the best of its members.",
        (above(f"{CHOSEN} over {SINGLE}", final[CHOSEN], final[SINGLE]),),
    )
    first, *_ = found
    one = found[first]
    yield Claim(
        "One graph answers what the weighted sum of its members answers.",
        (
            Comparison(f"predictions, in units of {_EQUAL:g}", (graph["difference"] / _EQUAL,), 1, True, True),
            Comparison("GAP", (graph["gap"] - one["gaps"][CHOSEN]["final"],), 1e-5, True, True),
        ),
    )


def _bars(found):
    return {
        way: {column: _gap(found, way, column) for column in gaps}
        for way, gaps in next(iter(found.values()))["gaps"].items()
    }
