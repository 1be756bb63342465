"""A mix of 8 and 4 bits that fits a budget: 4 bits where they change the predictions least for the bytes they save."""

import dataclasses

from tqdm import tqdm

from yt8m_distill.compression.partial_quantization import bits_of
from yt8m_distill.compression.policy import KEPT, store
from yt8m_distill.errors import InputError

FOUR_BITS = ("per_channel4", "kmeans4")


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """What 4 bits do to one weight.

    Attributes:
      name: the weight's.
      method: the better one of `FOUR_BITS` for it.
      divergence: of the predictions, with this weight alone in 4 bits.
      saved: bytes against its storage before.
    """

    name: str
    method: str
    divergence: float
    saved: int


def mix(weights, methods, names, budget, divergence, progress=True):
    """Stores weights in 4 bits until all fit into a budget.

    The weights that change the predictions least for each byte they save go first; then those that turn out not to be
    needed come back, the most sensitive first. That treats their effects as a sum.

    Args:
      weights: {name: array}.
      methods: {name: method}, where it starts.
      names: of the weights that may be stored in 4 bits.
      budget: bytes of all weights.
      divergence: function of {name: array}, weights that replace a model's own, to how far its predictions move.
      progress: whether to show a progress bar on stderr, where that is a terminal.

    Returns:
      ({name: method}, Sensitivities in the order of their divergence a byte); no Sensitivities where it fits already.

    Raises:
      InputError: it does not fit in 4 bits either.
    """
    sizes = {name: store(name, weights[name], method).num_bytes for name, method in methods.items()}
    excess = sum(sizes.values()) - budget
    if excess <= 0:
        return dict(methods), []
    names = [name for name in names if methods[name] == KEPT or bits_of(methods[name]) > 4]
    bar = tqdm(names, unit="weight", desc="sensitivity", disable=None if progress else True)
    found = [_sensitivity(name, weights[name], sizes[name], divergence) for name in bar]
    found = sorted((one for one in found if one), key=lambda one: one.divergence / one.saved)
    saving = sum(one.saved for one in found)
    if saving < excess:
        raise InputError(
            f"over budget: {sum(sizes.values()):,} bytes of weights, {sum(sizes.values()) - saving:,} with 4 bits "
            f"wherever --min_elements and --quantize_rules allow, and --size_budget_mb means {budget:,.0f} bytes: make "
            "the model smaller or raise the budget."
        )
    chosen = _needed(found, excess)
    return {**methods, **{one.name: one.method for one in chosen}}, found


def _needed(found, excess):
    """The first of `found` whose savings reach `excess`, without those that the others can do without."""
    chosen = []
    for one in found:
        if excess > 0:
            chosen.append(one)
            excess -= one.saved
    for one in sorted(chosen, key=lambda one: -one.divergence):
        if excess + one.saved <= 0:
            chosen.remove(one)
            excess += one.saved
    return chosen


def _sensitivity(name, array, size, divergence):
    """The Sensitivity of the better way, or None where neither saves anything."""
    tensors = {method: store(name, array, method) for method in FOUR_BITS}
    found = [
        Sensitivity(name, method, divergence({name: tensor.dequantize()}), size - tensor.num_bytes)
        for method, tensor in tensors.items()
        if tensor.num_bytes < size
    ]
    return min(found, key=lambda one: one.divergence, default=None)


def sensitivity_table(found, methods):
    """Sensitivities as lines to read, the least sensitive first, and what each weight is stored in now."""
    lines = [f"  {'divergence':>10}{'MB saved':>10}  {'4 bits':<13}{'chosen':<13} weight"]
    for one in found:
        chosen = methods[one.name]
        lines.append(f"  {one.divergence:>10.2e}{one.saved / 1e6:>10.3f}  {one.method:<13}{chosen:<13} {one.name}")
    return "\n".join(lines)
