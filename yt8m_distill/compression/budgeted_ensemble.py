"""The ensemble that does best within a number of bytes. NumPy only."""

import dataclasses

import numpy as np

from yt8m_distill.compression.weight_search import ascend, gap_of, settled, single_weights
from yt8m_distill.errors import InputError

_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)  # a new member's, tried
_PURPOSE = "budget"  # of the halves, which are others than the folds outside


@dataclasses.dataclass(frozen=True)
class Step:
    """The ensemble after a member has joined.

    Attributes:
      added: index of the member.
      num_bytes: of all members whose weight is above 0.
      gap: of the ensemble on the videos it was fitted to.
    """

    added: int
    num_bytes: int
    gap: float


@dataclasses.dataclass(frozen=True)
class BudgetedEnsemble:
    """Weights float64 (members,), 0 for those that are left out, and the Steps that led to them."""

    weights: np.ndarray
    steps: tuple[Step, ...]


def best_within(predictions, sizes, budget, reserve=0):
    """Grows an ensemble by the member that gains most, as long as one fits and gains, and keeps the best of two ways.

    One is grown by what a member gains in GAP, the other by gain per byte. A gain is held out: the new member's share
    is chosen on one half of the videos (by a hash of their ids) and the gain read on the other half, both ways. Once a
    member has joined, the weights of all are searched again (`weight_search.ascend`); one that falls to 0 leaves, and
    gives back its bytes. Deterministic.

    Args:
      predictions: KeptPredictions.
      sizes: bytes of each member.
      budget: bytes that the members may have together.
      reserve: bytes of the budget that each member takes besides.

    Returns:
      A BudgetedEnsemble; on these videos its GAP is never below that of the best member that fits.

    Raises:
      InputError: no member fits, or half of the videos hold no label.
    """
    fitting = [member for member, size in enumerate(sizes) if size + reserve <= budget]
    if not fitting:
        raise InputError(
            f"no member fits into --size_budget_mb: the smallest takes {(min(sizes) + reserve) / 2**20:,.2f} MiB "
            f"and the budget is {budget / 2**20:,.2f} MiB. Quantise the members or raise the budget."
        )
    halves = _labelled_halves(predictions)
    single = single_weights(predictions, fitting)
    alone = Step(int(single.argmax()), sizes[int(single.argmax())], gap_of(single, predictions))

    def affordable(weights, left):
        room = budget - _num_bytes(weights, sizes) - reserve * np.count_nonzero(weights)
        return [member for member in left if sizes[member] + reserve <= room]

    grown = [_grown(predictions, halves, sizes, affordable, costs) for costs in (np.ones(len(sizes)), np.array(sizes))]
    return max([BudgetedEnsemble(single, (alone,)), *grown], key=lambda found: found.steps[-1].gap)


class BudgetedFit:
    """`best_within` as a function of KeptPredictions to weights.

    Attributes:
      steps: the Steps that led to the last weights.
    """

    def __init__(self, sizes, budget, reserve=0):
        self._limits, self.steps = (sizes, budget, reserve), ()

    def __call__(self, predictions):
        found = best_within(predictions, *self._limits)
        self.steps = found.steps
        return found.weights

    def step_records(self, names):
        """The steps as dicts, with the members' names."""
        return [dataclasses.asdict(step) | {"added": names[step.added]} for step in self.steps]


def _labelled_halves(predictions):
    in_half = predictions.folds(2, _PURPOSE)
    halves = [predictions.select(in_half == half) for half in (0, 1)]
    if not all(half.num_labels.any() for half in halves):
        raise InputError(
            f"--search=greedy compares halves of the videos, and of {len(in_half):,} none with a label falls into one "
            "of them: give fewer --folds or more data."
        )
    return halves


def _grown(predictions, halves, sizes, affordable, costs):
    """The best BudgetedEnsemble on the way of the one that grows by the highest gain / cost."""
    weights, steps, left, found = np.zeros(len(sizes)), (), list(range(len(sizes))), []
    while there := affordable(weights, left):
        gains = [_gain(weights, member, halves) for member in there]
        best = max(range(len(gains)), key=lambda i: gains[i] / costs[there[i]])
        if steps and gains[best] <= 0:
            break
        added = there[best]
        left.remove(added)
        weights = ascend(predictions, _joined(weights, added, 1 / (1 + np.count_nonzero(weights))))
        steps += (Step(added, _num_bytes(weights, sizes), gap_of(weights, predictions)),)
        found.append(BudgetedEnsemble(weights, steps))
    return max(found, key=lambda ensemble: ensemble.steps[-1].gap)


def _gain(weights, member, halves):
    """Mean over the halves of what the member adds to their GAP with the share that is best on the other half."""
    if not weights.any():
        alone = _joined(weights, member, 1)
        return sum(gap_of(alone, half) for half in halves) / 2
    joined = [_joined(weights, member, share) for share in _SHARES]
    gains = [[gap_of(tried, half) - gap_of(weights, half) for tried in joined] for half in halves]
    best = [max(range(len(_SHARES)), key=of_half.__getitem__) for of_half in gains]
    return (gains[0][best[1]] + gains[1][best[0]]) / 2


def _joined(weights, member, share):
    joined = (1 - share) * weights
    joined[member] += share
    return settled(joined)


def _num_bytes(weights, sizes):
    return int(sum(size for weight, size in zip(weights, sizes, strict=True) if weight))
