"""What is known of an ensemble: its GAP, fitted and held out, a file of weights, and Table 4 of

Skalic & Austin, "Building a Size Constrained Predictive Model", ECCV 2018 workshops.
"""

import csv
import dataclasses
import json

import numpy as np

from yt8m_distill.compression.nested_search import Score
from yt8m_distill.errors import InputError
from yt8m_distill.experiments import plots
from yt8m_distill.experiments.ensemble_candidates import Candidate
from yt8m_distill.experiments.ensemble_weights import companions
from yt8m_distill.experiments.layout import aligned
from yt8m_distill.export.budget import MB, MIB
from yt8m_distill.written_aside import written_aside

_COLUMNS = ("member", "model", "MB", "% of all", "weight", "marginal GAP", "GAP")


@dataclasses.dataclass(frozen=True)
class EnsembleReport:
    """An ensemble.

    Attributes:
      members, weights: one weight a member, 0 for those that are left out.
      search: {name: value}, how the weights were found: "method", of an ensemble that was grown its "steps", dicts of
        added (a name), num_bytes and gap, and of weights that were read what `read_weights` says of them.
      score: their Score, None where there was no data.
    """

    members: tuple[Candidate, ...]
    weights: tuple[float, ...]
    search: dict
    score: Score | None = None

    @property
    def num_bytes(self):
        """Bytes of the members whose weight is above 0."""
        return sum(member.num_bytes for member, weight in zip(self.members, self.weights, strict=True) if weight)

    def records(self):
        """A dict for each member, with the keys member, model, MB, % of all, weight, marginal GAP, GAP.

        "% of all" is 0 for a member that is left out; marginal GAP as in `Score.marginal`.
        """
        blank = [""] * len(self.members)
        marginal = self.score.marginal.tolist() if self.score else blank
        own = self.score.own if self.score else blank
        rows = []
        for member, weight, *gaps in zip(self.members, self.weights, marginal, own, strict=True):
            share = member.num_bytes / self.num_bytes if weight else 0.0
            cells = (member.name, member.model, member.num_bytes / MB, share, weight, *gaps)
            rows.append(dict(zip(_COLUMNS, cells, strict=True)))
        return rows

    def text(self):
        """The table, and below it the GAP of the best member, of equal weights and of these; held out where fitted."""
        rows = [[*_COLUMNS], *(_cells(record) for record in self.records())]
        rows.append(["all", "", f"{self.num_bytes / MB:,.1f}", "100.00%", f"{sum(self.weights):.4f}"])
        lines = [aligned(rows), *(_step_line(step) for step in self.search.get("steps", ()))]
        lines += [_origin(self.search)] if "file" in self.search else []
        return "\n".join([*lines, *(["", *_summary(self.score, self.search["method"])] if self.score else [])])

    def write(self, path):
        """Writes the weights as JSON to `path`, the text and the table beside it as .txt and .csv."""
        text, table = companions(path)
        with written_aside(text) as file:
            file.write(f"{self.text()}\n")
        with written_aside(table) as file:
            writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.records())
        with written_aside(path) as file:
            json.dump({"members": self._weighed(), **self.findings()}, file, indent=2)
            file.write("\n")

    def draw(self, path):
        """Writes a PNG of weights and marginal GAP; there is a score."""
        records = self.records()
        names = [f"{record['member']} ({record['MB']:,.1f} MB)" for record in records]
        columns = {key: dict(zip(names, [r[key] for r in records], strict=True)) for key in ("weight", "marginal GAP")}
        plots.draw_columns(path, columns)

    def require_within(self, budget_mib):
        """Raises InputError where the members have more bytes than the budget."""
        if self.num_bytes > budget_mib * MIB:
            largest = max(self.members, key=lambda member: member.num_bytes)
            raise InputError(
                f"over budget: the weights of the members have {self.num_bytes / MIB:,.2f} MiB and --size_budget_mb is "
                f"{budget_mib:g}. The largest is {largest.run} with {largest.num_bytes / MIB:,.2f} MiB: quantise it, "
                "leave it out, or let --search=greedy pick those that fit. No weights and no export were written."
            )

    def findings(self):
        """{"search", "score" where there is one} for JSON: how the weights were found, and how they do."""
        score = {"score": dataclasses.asdict(self.score)} if self.score else {}
        return json.loads(json.dumps({"search": self.search, **score}, default=np.ndarray.tolist))

    def _weighed(self):
        weighed = zip(self.members, self.weights, strict=True)
        return [{**dataclasses.asdict(member), "weight": weight} for member, weight in weighed]


def _cells(record):
    formats = dict(zip(_COLUMNS, ("", "", ",.1f", ".2%", ".4f", "+.5f", ".5f"), strict=True))
    return [value if value == "" else format(value, formats[name]) for name, value in record.items()]


def _step_line(step):
    return f"joined: {step['added']}, {step['num_bytes'] / MB:,.1f} MB, GAP {step['gap']:.5f}"


def _origin(search):
    """A line on the search that wrote the weights that were read."""
    data = f" on {search['search']['data']}" if "data" in search["search"] else ""
    return f"weights of {search['file']}, found by --search={search['search']['method']}{data}"


def _summary(score, method):
    """Lines of the Score."""
    lines = _held_out(score, method) if score.nested else _on_these_videos(score, method)
    return [*lines, f"the 20 best classes are certain to be known for {score.proven:.2%} of the videos"]


def _on_these_videos(score, method):
    rows = [
        ["GAP@20", f"on these {score.videos:,} videos"],
        ["best member", f"{max(score.own):.5f}"],
        ["equal weights", f"{score.equal:.5f}"],
        [f"weights ({method})", f"{score.fitted:.5f}"],
    ]
    return [
        aligned(rows),
        f"gain over equal weights: {score.fitted - score.equal:+.5f} on these videos; nothing is held out: the weights "
        "may have been fitted to them",
        "marginal GAP: without the member, the others' weights in proportion; on these videos",
    ]


def _held_out(score, method):
    nested = score.nested
    folds = len(nested.held_out)
    rows = [
        ["GAP@20", f"on all {score.videos:,} videos", f"held out, mean of {folds} folds"],
        ["best member", f"{max(score.own):.5f}", f"{nested.single.mean():.5f}"],
        ["equal weights", f"{score.equal:.5f}", f"{nested.equal.mean():.5f}"],
        [f"weights ({method})", f"{score.fitted:.5f}", f"{nested.held_out.mean():.5f}"],
    ]
    return [
        aligned(rows),
        f"gain over equal weights: {score.fitted - score.equal:+.5f} on the videos they were fitted to, held out "
        f"{nested.gain.mean():+.5f} (standard deviation over folds {nested.gain.std(ddof=1):.5f})",
        f"gain over the best member, held out: {(nested.held_out - nested.single).mean():+.5f}",
        "marginal GAP: without the member, the others' weights in proportion; held out, mean of the folds, each with "
        "weights of its own",
    ]
