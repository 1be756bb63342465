"""Table 4: matching the states after every block as well, or the final representation alone."""

from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above
from yt8m_distill.experiments.fewer_frames import published
from yt8m_distill.experiments.fewer_frames.runs import LOSSES_NOTE, Family, losses_label, student_label
from yt8m_distill.experiments.layout import (
    Table,
    by_seed,
    pair_of_cells,
    pair_of_paper_cells,
    records,
    spread_note,
)

_KINDS = ("Intermediate", "Final")
_BENEFIT = 0.003  # GAP; at most 0.002 in the paper's rows


def table4(data, runner, seeds):
    """The Table of a frame-level DataSet, trained by a Runner."""
    family, k = Family(data), data.frames[-1]
    plans = {
        (row, kind): {seed: family.student(*row, k, seed, intermediate=kind == "Intermediate") for seed in seeds}
        for row in published.MATCHING
        for kind in _KINDS
    }
    results = runner.run_cells(plans)
    theirs = {
        (student_label(row), kind): pair
        for row, pairs in published.MATCHING.items()
        for kind, pair in zip(_KINDS, pairs, strict=True)
    }
    return Table(
        f"Table 4 of {published.CITATION}",
        (f"k={k} of {data.features.max_frames} frames here, 30 in the paper; {spread_note(seeds)}", LOSSES_NOTE),
        _text(results),
        records({(student_label(row), kind): found for (row, kind), found in results.items()}, theirs),
        _claims(results),
        lambda path: plots.draw_bars(path, data.title, "GAP", _bars(results)),
    )


def _text(results):
    kinds, metrics = ["Intermediate", "", "Final", ""], ["GAP", "mAP"] * 2
    rows = [["", "", "here", "", "", "", "|", "paper"], ["", "", *kinds, "|", *kinds]]
    rows.append(["Training", "Losses", *metrics, "|", *metrics])
    for row, pairs in published.MATCHING.items():
        ours = [text for kind in _KINDS for text in pair_of_cells(results[row, kind])]
        theirs = [text for pair in pairs for text in pair_of_paper_cells(pair)]
        rows.append([row[0].capitalize(), losses_label(row[1]), *ours, "|", *theirs])
    return rows


def _claims(results):
    gap = {key: by_seed(found) for key, found in results.items()}
    text = f"There is no benefit of matching intermediate representations (none above {_BENEFIT} GAP)."
    compared = tuple(
        above(f"{student_label(row)}, final over intermediate", *(gap[row, kind] for kind in _KINDS[::-1]), -_BENEFIT)
        for row in published.MATCHING
    )
    return (Claim(text, compared),)


def _bars(results):
    return {student_label(row): {kind: by_seed(results[row, kind]) for kind in _KINDS} for row in published.MATCHING}
