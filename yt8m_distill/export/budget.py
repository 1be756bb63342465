"""The size of an export against a budget, the largest tensors first."""

import dataclasses
import os

from yt8m_distill.errors import InputError

MB, MIB = 10**6, 2**20


@dataclasses.dataclass(frozen=True)
class SizeReport:
    """Bytes of an export.

    Attributes:
      total: bytes of all files on disk.
      budget_mib: the budget, in MiB (2**20 bytes).
      tensors: (name, shape, bytes) of every variable, the largest first.
    """

    total: int
    budget_mib: float
    tensors: tuple[tuple[str, tuple[int, ...], int], ...]

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
        """The largest tensors as lines: MB, share of all files, shape, name."""
        return "\n".join(
            f"  {size / MB:10,.2f} MB {size / self.total:6.1%}  {'x'.join(map(str, shape)):<14} {name}"
            for name, shape, size in self.tensors[:rows]
        )


def measure(directory, variables, budget_mib):
    """Measures an export.

    Args:
      directory: the SavedModel's folder.
      variables: the Keras variables it holds.
      budget_mib: the budget in MiB.
    """
    files = [os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names]
    tensors = [(v.path, tuple(v.shape), _bytes(v)) for v in variables]
    return SizeReport(
        total=sum(os.path.getsize(path) for path in files),
        budget_mib=budget_mib,
        tensors=tuple(sorted(tensors, key=lambda tensor: -tensor[2])),
    )


def require_fit(report):
    """Raises InputError where the export is over its budget."""
    if not report.fits:
        name, shape, size = report.tensors[0]
        raise InputError(
            f"over budget: {report.summary()}. The largest tensor is {name} {shape} with {size / MB:,.1f} MB: "
            "make it smaller or raise --size_budget_mb. Nothing was written."
        )


def _bytes(variable):
    count = 1
    for dimension in variable.shape:
        count *= dimension
    return count * variable.value.dtype.size
