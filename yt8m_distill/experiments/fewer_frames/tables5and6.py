"""Tables 5 and 6: NetVLAD and NeXtVLAD, with the sampler, the training and the losses that Table 1 found best."""

from yt8m_distill.cost.model_cost import model_cost
from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above, counted
from yt8m_distill.experiments.fewer_frames import published
from yt8m_distill.experiments.fewer_frames.runs import BEST, Family
from yt8m_distill.experiments.layout import (
    Table,
    by_seed,
    pair_of_cells,
    pair_of_paper_cells,
    paper_cell,
    records,
    spread_note,
)

_ROWS = ("Skyline", "Uniform", "Student")
_SAVED = 0.8  # of the teacher's multiply-adds, times the share of frames left out: 0.9 in the paper, which saved 0.9


def table5(data, runner, seeds):
    """NetVLAD at two k: the Table of a frame-level DataSet, trained by a Runner."""
    return _table(data, runner, seeds, "Table 5", "NetVLAD", data.frames[-2:], published.NETVLAD)


def table6(data, runner, seeds):
    """NeXtVLAD at one k, with multiply-adds: the Table of a frame-level DataSet, trained by a Runner."""
    return _table(data, runner, seeds, "Table 6", "NeXtVLAD", data.frames[-1:], published.NEXTVLAD)


def _table(data, runner, seeds, number, model, frames, pairs):
    results = runner.run_cells(_plans(Family(data, model), frames, seeds))
    costs = _costs(data, model, frames[-1]) if model == "NeXtVLAD" else {}
    return Table(
        f"{number} of {published.CITATION}",
        (f"{model}, k of {data.features.max_frames} frames here, of up to 300 in the paper; {spread_note(seeds)}",),
        _text(frames, results, pairs, costs),
        records(_conditions(results), _conditions(pairs)),
        (_outperforms(results, frames), *_saves(costs, 1 - frames[-1] / data.features.max_frames)),
        lambda path: plots.draw_bars(path, f"{model}, {data.title}", "GAP", _bars(results, frames)),
    )


def _plans(family, frames, seeds):
    cells = {("Skyline", 0): {seed: family.skyline(seed) for seed in seeds}}
    for k in frames:
        cells["Uniform", k] = {seed: family.baseline("uniform", k, seed) for seed in seeds}
        cells["Student", k] = {seed: family.student(*BEST, k, seed) for seed in seeds}
    return cells


def _costs(data, model, k):
    """Multiply-adds of one video by row."""
    every = data.features.max_frames
    teacher = model_cost(data.model(model), data.features, (every,)).total.multiply_adds[0]
    student = model_cost(data.model(model, k), data.sampled(k), (k,)).total.multiply_adds[0]
    return {"Skyline": teacher, "Uniform": student, "Student": student}


def _conditions(cells):
    """{(row, k): x} as {(row, words): x}."""
    return {(row, f"k={k}" if k else "all frames"): x for (row, k), x in cells.items()}


def _text(frames, results, pairs, costs):
    """The skyline, which has no k, stands in the last pair of columns, as in the paper."""
    theirs = sorted({k for _, k in pairs if k})
    ours = {(row, k): pair_of_cells(found) for (row, k), found in results.items()}
    paper = {(row, k): pair_of_paper_cells(pair) for (row, k), pair in pairs.items()}
    flops = [["multiply-adds (M)"], ["FLOPs (B)"]] if costs else [[], []]
    heads = [[text for k in ks for text in (f"k={k}", "")] for ks in (frames, theirs)]
    rows = [
        ["", "here", *[""] * (len(heads[0]) + len(flops[0]) - 1), "|", "paper"],
        ["", *heads[0], *[""] * len(flops[0]), "|", *heads[1]],
        ["Model", *["GAP", "mAP"] * len(frames), *flops[0], "|", *["GAP", "mAP"] * len(theirs), *flops[1]],
    ]
    for row in _ROWS:
        cost = [[f"{costs[row] / 1e6:.3g}"], [paper_cell(published.NEXTVLAD_COST[row])]] if costs else [[], []]
        rows.append([row, *_cells(row, frames, ours), *cost[0], "|", *_cells(row, theirs, paper), *cost[1]])
    return rows


def _cells(row, frames, cells):
    if row == "Skyline":
        return [*["", ""] * (len(frames) - 1), *cells[row, 0]]
    return [text for k in frames for text in cells[row, k]]


def _outperforms(results, frames):
    comparisons = [
        above(f"k={k}, {name}", *(by_seed(results[row, k], metric) for row in ("Student", "Uniform")))
        for k in frames
        for name, metric in (("GAP", "gap"), ("mAP", "map"))
    ]
    return Claim("The student outperforms Uniform-k.", tuple(comparisons))


def _saves(costs, left_out):
    if costs:
        saved = 1 - costs["Student"] / costs["Skyline"]
        text = (
            "The student needs far fewer multiply-adds (89 % with 90 % fewer frames in the paper; asked for here: "
            f"{_SAVED} times the share of frames left out)."
        )
        yield Claim(text, (counted("share saved", saved, _SAVED * left_out),))


def _bars(results, frames):
    groups = {f"k={k}": {row: by_seed(results[row, k]) for row in ("Uniform", "Student")} for k in frames}
    return {"all frames": {"Skyline": by_seed(results["Skyline", 0])}, **groups}
