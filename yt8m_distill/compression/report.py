"""What storing weights in another way saves and what it changes, weight by weight."""

import dataclasses

import numpy as np

from yt8m_distill.stored_weights import Plain


@dataclasses.dataclass(frozen=True)
class StoredRow:
    """One weight.

    Attributes:
      name, shape, method: which one, and how it is stored.
      before, after: bytes.
      worst_error: largest difference between a value before and after.
      relative_error: root mean square of the differences over that of the values, 0 of a weight of zeros.
    """

    name: str
    shape: tuple[int, ...]
    method: str
    before: int
    after: int
    worst_error: float = 0.0
    relative_error: float = 0.0


def stored_row(name, array, method, tensor):
    """The StoredRow of a weight and its stored form."""
    row = StoredRow(name, array.shape, method, array.nbytes, tensor.num_bytes)
    if type(tensor) is Plain:
        return row
    difference = tensor.dequantize() - array
    size = float(np.linalg.norm(array))
    relative = float(np.linalg.norm(difference)) / size if size else 0.0
    return dataclasses.replace(row, worst_error=float(np.abs(difference).max()), relative_error=relative)


def report_csv(rows):
    """The rows as the text of a CSV."""
    names = [field.name for field in dataclasses.fields(StoredRow)]
    lines = [",".join(names)]
    for row in rows:
        values = dataclasses.asdict(row) | {"shape": "x".join(map(str, row.shape))}
        lines.append(",".join(f"{values[name]:.6g}" if "error" in name else str(values[name]) for name in names))
    return "\n".join(lines) + "\n"


def report_table(rows):
    """The rows as lines to read: the converted weights, the largest first, and the sum of the others."""
    converted = sorted((row for row in rows if row.method != "none"), key=lambda row: -row.before)
    kept = [row for row in rows if row.method == "none"]
    lines = [f"  {'method':<13}{'MB before':>10}{'after':>9}{'worst error':>13}{'relative':>10}  weight"]
    for row in converted:
        lines.append(
            f"  {row.method:<13}{row.before / 1e6:>10.3f}{row.after / 1e6:>9.3f}{row.worst_error:>13.2e}"
            f"{row.relative_error:>10.2%}  {row.name} {'x'.join(map(str, row.shape))}"
        )
    others = sum(row.before for row in kept) / 1e6, sum(row.after for row in kept) / 1e6
    lines.append(f"  {'as they are':<13}{others[0]:>10.3f}{others[1]:>9.3f}{'':>23}  {len(kept)} others")
    before, after = sum(row.before for row in rows), sum(row.after for row in rows)
    lines.append(f"  {'all':<13}{before / 1e6:>10.3f}{after / 1e6:>9.3f}{'':>23}  {after / before:.2%} of before")
    return "\n".join(lines)
