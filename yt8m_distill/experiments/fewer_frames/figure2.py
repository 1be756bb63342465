"""Figure 2: teacher and student of parallel training after every epoch, against those of serial training."""

import statistics

from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, alike
from yt8m_distill.experiments.fewer_frames import published
from yt8m_distill.experiments.fewer_frames.runs import Family, losses_label
from yt8m_distill.experiments.layout import Table, by_seed, cell, spread_note

_LOSSES = [losses for mode, losses in published.STUDENTS if mode == "parallel"]
_AT_PAR = 0.01  # GAP, as "differ little" in Table 1


def figure2(data, runner, seeds):
    """The figure of a frame-level DataSet, trained by a Runner, as a Table of GAP by epoch."""
    family, k = Family(data), data.frames[-1]
    plans = {"skyline": {seed: family.skyline(seed) for seed in seeds}}
    for losses in _LOSSES:
        for mode in ("parallel", "serial"):
            plans[mode, losses] = {seed: family.student(mode, losses, k, seed) for seed in seeds}
    results = runner.run_cells(plans)
    curves = {(who, losses): _curve(results["parallel", losses], who) for losses in _LOSSES for who in _WHO}
    levels = {("teacher", losses): by_seed(results["skyline"]) for losses in _LOSSES}
    levels |= {("student", losses): by_seed(results["serial", losses]) for losses in _LOSSES}
    return Table(
        f"Figure 2 of {published.CITATION}",
        (f"k={k} of {data.features.max_frames} frames; GAP after each epoch; {spread_note(seeds)}",),
        _text(curves, levels),
        _records(curves, levels),
        (_claim("teacher", curves, levels), _claim("student", curves, levels)),
        lambda path: plots.draw_lines(path, [_panel(data, losses, curves, levels) for losses in _LOSSES]),
    )


_WHO = ("teacher", "student")


def _curve(found, who):
    """[{seed: GAP}], one an epoch."""
    epochs = range(len(next(iter(found.values()))["epochs"]))
    return [{seed: result["epochs"][epoch][who] for seed, result in found.items()} for epoch in epochs]


def _text(curves, levels):
    count = len(next(iter(curves.values())))
    rows = [["Losses", "", *(f"epoch {epoch + 1}" for epoch in range(count)), "serial"]]
    for (who, losses), curve in curves.items():
        rows.append([losses_label(losses), f"parallel {who}", *map(cell, curve), cell(levels[who, losses])])
    return rows


def _records(curves, levels):
    found = []
    for (who, losses), curve in curves.items():
        named = {f"epoch {epoch + 1}": values for epoch, values in enumerate(curve)}
        for condition, values in {**named, "serial": levels[who, losses]}.items():
            place = {"row": f"{losses_label(losses)}, {who}", "condition": condition, "source": "here"}
            found += [{**place, "seed": seed, "GAP": round(gap, 5)} for seed, gap in values.items()]
    return found


def _claim(who, curves, levels):
    compared = tuple(
        alike(f"{losses_label(losses)}, last epoch", curves[who, losses][-1], levels[who, losses], _AT_PAR)
        for losses in _LOSSES
    )
    return Claim(f"In the end the parallel {who} is at par with the serial one (GAP within {_AT_PAR}).", compared)


def _panel(data, losses, curves, levels):
    lines = {f"parallel {who}": list(enumerate(curves[who, losses], start=1)) for who in _WHO}
    constants = {f"serial {who}": statistics.fmean(levels[who, losses].values()) for who in _WHO}
    return plots.Panel(f"{losses_label(losses)}, {data.title}", "epoch", "GAP", lines, constants, whole=True)
