"""What a paper says about its table, and whether the runs here bear it out. Standard library only.

A claim is a sentence and one or more comparisons of two rows. A comparison takes the values of both rows seed by seed
(the students of one seed share their teacher, their initial weights and the order of their data) and looks at the
differences d_1 ... d_n: their mean m and its standard error s = sd(d) / sqrt(n). With t, the 95 % quantile of Student's
t distribution with n - 1 degrees of freedom (2.92 for three seeds), and the margin that is claimed (0 unless said):

  holds            m - t s > margin
  does not hold    m + t s < margin
  undecided        neither: the spread over the seeds is wider than what is to be seen; always so with one seed

That is a one-sided test at 5 % either way. A claim that two rows are alike within a margin holds when both one-sided
comparisons do (-margin < m - t s and m + t s < margin) and does not hold when one of them does not. A claim of several
comparisons holds when all do, does not hold when one does not, and is undecided otherwise.
"""

import dataclasses
import math
import statistics

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided within the spread over seeds"

# 95 % quantiles of Student's t distribution with 1, 2, ... degrees of freedom; the last one also beyond.
_QUANTILES = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One row against another.

    Attributes:
      label: what is compared, such as "k=5, Uniform over Random".
      differences: one number a seed, positive where it is as claimed.
      margin: the claim is a difference above this.
      both_ways: the claim is instead a difference between -margin and margin.
      counted: the numbers have no spread.
    """

    label: str
    differences: tuple[float, ...]
    margin: float = 0.0
    both_ways: bool = False
    counted: bool = False

    @property
    def mean(self):
        """Mean difference."""
        return statistics.fmean(self.differences)

    @property
    def half_width(self):
        """t s, see above; infinite for one seed."""
        count = len(self.differences)
        if self.counted:
            return 0.0
        if count < 2:
            return math.inf
        quantile = _QUANTILES[min(count - 1, len(_QUANTILES)) - 1]
        return quantile * statistics.stdev(self.differences) / math.sqrt(count)

    @property
    def verdict(self):
        """HOLDS, FAILS or UNDECIDED."""
        if not self.both_ways:
            return _verdict(self.mean, self.half_width, self.margin)
        return _joined([_verdict(sign * self.mean, self.half_width, -self.margin) for sign in (1, -1)])

    def __str__(self):
        spread = "" if self.counted or math.isinf(self.half_width) else f" +- {self.half_width:.4f}"
        asked = f", asked for {'within +-' if self.both_ways else '> '}{self.margin:g}" if self.margin else ""
        return f"{self.label}: {self.mean:+.4f}{spread}{asked}"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of a paper, with the comparisons that are to show it."""

    text: str
    comparisons: tuple[Comparison, ...]

    @property
    def verdict(self):
        """HOLDS, FAILS or UNDECIDED."""
        return _joined([comparison.verdict for comparison in self.comparisons])

    def __str__(self):
        found = [comparison.verdict for comparison in self.comparisons]
        counts = "; ".join(f"{found.count(v)} {v}" for v in (HOLDS, FAILS, UNDECIDED) if v in found)
        lines = [f"[{self.verdict}] {self.text}" + (f" ({len(found)} comparisons: {counts})" if len(found) > 1 else "")]
        # Where everything is as claimed, the narrowest comparison says it all.
        shown = self.comparisons
        if len(shown) > 1 and self.verdict == HOLDS:
            shown = [min(shown, key=lambda one: one.margin - abs(one.mean) if one.both_ways else one.mean - one.margin)]
        return "\n    ".join(lines + [f"{_MARKS[one.verdict]} {one}" for one in shown])


_MARKS = {HOLDS: "+", FAILS: "-", UNDECIDED: "?"}


def above(label, higher, lower, margin=0.0):
    """The Comparison that `higher` exceeds `lower` by more than `margin`; both {seed: value}, of the same seeds."""
    return Comparison(label, _paired(higher, lower), margin)


def alike(label, one, other, margin):
    """The Comparison that `one` and `other` differ by less than `margin`; both {seed: value}, of the same seeds."""
    return Comparison(label, _paired(one, other), margin, both_ways=True)


def counted(label, value, margin):
    """The Comparison that a number without spread is above `margin`."""
    return Comparison(label, (value,), margin, counted=True)


def _paired(one, other):
    if one.keys() != other.keys():
        raise ValueError(f"Rows of the same seeds are compared. Received: {sorted(one)} and {sorted(other)}")
    return tuple(one[seed] - other[seed] for seed in sorted(one))


def _verdict(mean, half_width, margin):
    if mean - half_width > margin:
        return HOLDS
    return FAILS if mean + half_width < margin else UNDECIDED


def _joined(verdicts):
    if verdicts and all(verdict == HOLDS for verdict in verdicts):
        return HOLDS
    return FAILS if FAILS in verdicts else UNDECIDED
