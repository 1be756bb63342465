"""The size of an export against a budget, the largest tensors first."""

import dataclasses
import math
import os

from yt8m_distill.compression.size_advice import advice
from yt8m_distill.errors import InputError
from yt8m_distill.stored_weights import Plain

MB, MIB = 10**6, 2**20
_CODED = 2**13  # bytes of graph and index that a weight in codes takes more than one in floats; measured: 5.8 to 7.2 KB


def graph_reserve(spec):
    """Bytes to leave for what a member of an ensemble takes besides its weights: graph, names, its part of the card.

    Measured over ten families at up to 300 frames it is 0.2 to 0.5 MB, 1.1 MB at most (DualPathGRU), of a student of
    150 frames 0.75 MB; at video level 0.04 MB. The size of an export is checked all the same.
    """
    return 5 * 2**18 if spec.has_frames else 2**17


@dataclasses.dataclass(frozen=True)
class TensorSize:
    """A tensor on disk: its name (of several members with the member's in front), shape, form and bytes."""

    name: str
    shape: tuple[int, ...]
    form: str
    num_bytes: int


@dataclasses.dataclass(frozen=True)
class SizeReport:
    """Bytes of an export.

    Attributes:
      total: bytes of all files on disk.
      budget_mib: the budget, in MiB (2**20 bytes).
      tensors: TensorSizes, the largest first.
      members: (name, bytes of its weights) of every member.
    """

    total: int
    budget_mib: float
    tensors: tuple[TensorSize, ...]
    members: tuple[tuple[str, int], ...]

    @property
    def fits(self):
        """Whether the files are within the budget."""
        return self.total <= self.budget_mib * MIB

    def summary(self):
        """One line: size and budget in MB (10**6 bytes) and MiB (2**20 bytes)."""
        budget = self.budget_mib * MIB
        return (
            f"{self.total / MB:,.1f} MB ({self.total / MIB:,.1f} MiB), {self.total / budget:.1%} of the budget of "
            f"{budget / MB:,.1f} MB ({self.budget_mib:,.1f} MiB)"
        )

    def table(self, rows=5):
        """The largest tensors as lines: MB, share of all files, form, shape, name."""
        return "\n".join(
            f"{self._share(tensor.num_bytes)}  {tensor.form:<8} {'x'.join(map(str, tensor.shape)):<14} {tensor.name}"
            for tensor in self.tensors[:rows]
        )

    def members_table(self):
        """The members as lines: MB, share of all files, name."""
        return "\n".join(f"{self._share(size)}  {name}" for name, size in self.members)

    def _share(self, size):
        return f"  {size / MB:10,.2f} MB {size / self.total:6.1%}"


def measure(directory, members, budget_mib):
    """Measures an export.

    Args:
      directory: the SavedModel's folder.
      members: the Members it holds.
      budget_mib: the budget in MiB.
    """
    files = [os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names]
    tensors = [
        TensorSize(name, _values(tensor).shape, _form(tensor), tensor.num_bytes)
        for name, tensor in _all_tensors(members).items()
    ]
    return SizeReport(
        total=sum(os.path.getsize(path) for path in files),
        budget_mib=budget_mib,
        tensors=tuple(sorted(tensors, key=lambda tensor: -tensor.num_bytes)),
        members=tuple((member.name, member.num_bytes) for member in members),
    )


def require_fit(report, members):
    """Raises InputError where the export of `members` is over its budget."""
    if not report.fits:
        excess = math.ceil(report.total - report.budget_mib * MIB)
        steps = advice(_all_tensors(members), excess, besides=_CODED)
        raise InputError(
            f"over budget: {report.summary()}, {excess:,} bytes too many. {steps} Use smaller models, "
            "yt8m_distill.bin.quantize, or raise --size_budget_mb. No export was written."
        )


def _all_tensors(members):
    if len(members) == 1:
        return members[0].tensors
    return {
        f"{number}.{member.name}/{name}": tensor
        for number, member in enumerate(members)
        for name, tensor in member.tensors.items()
    }


def _values(tensor):
    return tensor.values if isinstance(tensor, Plain) else tensor.codes


def _form(tensor):
    return str(tensor.values.dtype) if isinstance(tensor, Plain) else f"{tensor.bits} bits"
