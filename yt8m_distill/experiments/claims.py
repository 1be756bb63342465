"""What a paper says about its table, and whether the runs here bear it out.

A claim is a sentence and one or more comparisons of two rows. A comparison takes the values of both rows seed by seed
(the students of one seed share their teacher, their initial weights and the order of their data) and tests the mean of
the differences against the margin that is claimed (0 unless said) with Student's t, one-sided at 5 % either way:

  holds            the mean difference is above the margin
  does not hold    it is below
  undecided        neither: the spread over the seeds is wider than what is to be seen; always so with one seed

Two rows are alike within a margin when both one-sided tests say so, and are not when their difference is beyond it on
either side (a two-sided test). A comparison whose mean is NaN does not hold.

A claim of m comparisons holds when all do; it does not hold when one of them does not at 5 % / m, so that many
comparisons are no likelier to refute it than one; it is undecided otherwise.
"""

import dataclasses
import math
import statistics

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided within the spread over seeds"

_LEVEL = 0.05


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
        """Half of the 90 % interval of the mean; infinite for one seed."""
        from scipy.stats import t

        if self.counted:
            return 0.0
        return t.ppf(1 - _LEVEL, len(self.differences) - 1) * self._error if len(self.differences) > 1 else math.inf

    def verdict(self, level=_LEVEL):
        """HOLDS at 5 %, FAILS at `level`, or UNDECIDED; a mean of NaN FAILS."""
        if math.isnan(self.mean):
            return FAILS
        if self.both_ways:
            holds = max(self._chance_above(-self.margin), self._chance_below(self.margin))
            fails = 2 * min(self._chance_above(self.margin), self._chance_below(-self.margin))
        else:
            holds, fails = self._chance_above(self.margin), self._chance_below(self.margin)
        if holds < _LEVEL:
            return HOLDS
        return FAILS if fails < level else UNDECIDED

    @property
    def _error(self):
        """The standard error of the mean."""
        if math.isnan(self.mean):
            return math.nan  # statistics.stdev would raise
        return statistics.stdev(self.differences) / math.sqrt(len(self.differences))

    def _chance_above(self, margin):
        """How probable a mean as high as this one is where the margin is the truth."""
        return self._chance(self.mean - margin)

    def _chance_below(self, margin):
        return self._chance(margin - self.mean)

    def _chance(self, excess):
        from scipy.stats import t

        if not self.counted and len(self.differences) < 2:
            return 1.0
        if self.counted or not self._error:
            return float(excess <= 0)
        return float(t.sf(excess / self._error, len(self.differences) - 1))

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
        strict = [comparison.verdict(_LEVEL / len(self.comparisons)) for comparison in self.comparisons]
        if strict and all(verdict == HOLDS for verdict in strict):
            return HOLDS
        return FAILS if FAILS in strict else UNDECIDED

    def __str__(self):
        found = [comparison.verdict() for comparison in self.comparisons]
        counts = "; ".join(f"{found.count(v)} {v}" for v in (HOLDS, FAILS, UNDECIDED) if v in found)
        lines = [f"[{self.verdict}] {self.text}" + (f" ({len(found)} comparisons: {counts})" if len(found) > 1 else "")]
        # Where everything is as claimed, the narrowest comparison says it all.
        shown = self.comparisons
        if len(shown) > 1 and self.verdict == HOLDS:
            shown = [min(shown, key=lambda one: one.margin - abs(one.mean) if one.both_ways else one.mean - one.margin)]
        return "\n    ".join(lines + [f"{_MARKS[one.verdict()]} {one}" for one in shown])


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
