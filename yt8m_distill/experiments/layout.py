"""A table as it is printed and written: text in columns, a CSV of single runs, the paper's claims."""

import csv
import dataclasses
import math
import statistics
from collections.abc import Callable

from yt8m_distill.experiments.claims import Claim

_CLAIMS = "What the paper says, and how it came out here (mean difference of GAP +- half of its 90 % interval):"
COLUMNS = ("row", "condition", "source", "seed", "GAP", "mAP")


@dataclasses.dataclass(frozen=True)
class Table:
    """What an experiment found.

    Attributes:
      title: which table of which paper.
      notes: what is to be known to read it, one line each.
      rows: cells of text, the headings first; "|" parts our numbers from the paper's.
      records: dicts of `COLUMNS` (further keys become further columns): one for each run, and for each of the paper's
        numbers, whose source is "paper" instead of "here".
      claims: of the paper.
      draw: function of a path that writes the table as a PNG.
      summary: lines below the rows.
      written: {what: path} of what was made besides.
    """

    title: str
    notes: tuple[str, ...]
    rows: list[list[str]]
    records: list[dict]
    claims: tuple[Claim, ...]
    draw: Callable[[str], None]
    summary: tuple[str, ...] = ()
    written: dict = dataclasses.field(default_factory=dict)

    @property
    def body(self):
        """Notes, rows, summary, claims and paths as lines of text."""
        parts = [*(f"  {note}" for note in self.notes), "", aligned(self.rows)]
        parts += ["", *self.summary] if self.summary else []
        if self.claims:
            parts += ["", _CLAIMS]
            parts += map(str, self.claims)
        parts += ["", *(f"{what}: {path}" for what, path in self.written.items())] if self.written else []
        return "\n".join(parts)

    def write_csv(self, file):
        """Writes the records to an open text file."""
        further = [key for record in self.records for key in record if key not in COLUMNS]
        writer = csv.DictWriter(file, [*COLUMNS, *dict.fromkeys(further)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.records)


def aligned(rows):
    """Lines of columns that are as wide as their widest cell."""
    width = max(map(len, rows))
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def cell(values, digits=3):
    """Mean of {seed: value} with the standard deviation, where there are several: "0.381 (2)" is 0.381 +- 0.002."""
    values = list(values.values())
    mean = f"{statistics.fmean(values):.{digits}f}"
    return (
        mean
        if len(values) == 1 or not all(map(math.isfinite, values))
        else f"{mean} ({round(statistics.stdev(values) * 10**digits)})"
    )


def paper_cell(value, digits=3):
    """A number of the paper; nothing where it gives none."""
    return "-" if value is None else f"{value:.{digits}f}"


def records(results, published):
    """The records of a table.

    Args:
      results: {(row, condition): {seed: result}}.
      published: {(row, condition): (GAP, mAP)} of the paper.
    """
    ours = [
        {**_place(*key, "here", seed), "GAP": round(result["gap"], 5), "mAP": round(result["map"], 5)}
        for key, found in results.items()
        for seed, result in found.items()
    ]
    theirs = [{**_place(*key, "paper", ""), "GAP": gap, "mAP": mean} for key, (gap, mean) in published.items()]
    return ours + theirs


def _place(row, condition, source, seed):
    return {"row": row, "condition": condition, "source": source, "seed": seed}


def pair_of_cells(found):
    """GAP and mAP of {seed: result}."""
    return [cell(by_seed(found, metric)) for metric in ("gap", "map")]


def pair_of_paper_cells(pair):
    """GAP and mAP of the paper; None where it gives none."""
    return [paper_cell(value) for value in pair or (None, None)]


def spread_note(seeds):
    """What the cells hold."""
    if len(seeds) == 1:
        return "one seed"
    return f"mean over {len(seeds)} seeds; in brackets their standard deviation, in units of the last digit"


def by_seed(results, metric="gap"):
    """{seed: value} of {seed: result}."""
    return {seed: result[metric] for seed, result in results.items()}
