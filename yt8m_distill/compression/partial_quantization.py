"""Partial quantisation: the large variables in 8 or 4 bits with a codebook each, by channel, or in float16.

Arithmetic on NumPy arrays, apart from any model. Source: Skalic and Austin, "Building a Size Constrained Predictive
Model for Video Classification", ECCV-W 2018, section 3.2, and its code (miha-skalic/youtube8mchallenge).
"""

import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.stored_weights import MIN_ELEMENTS, Affine, Codebook, Float16

_CHUNK = 2**18  # values assigned together: 15 MB of temporaries at most
_CAPS = 5  # cuts of the widest gaps' shares, each of which makes the sum smaller that sets the next one
_LEAST_ROWS = 64  # of a channel: two numbers of its own are a byte for every eight of its values then
_ROUNDS = 30  # of k-means; from where it starts, more change the error by less than 0.1 %


def is_converted(array, min_elements=MIN_ELEMENTS):
    """Whether a variable is large enough to be worth it: float32 with strictly more than `min_elements` values."""
    return array.dtype == np.float32 and array.size > min_elements


def quantize(name, array, method="uniform"):
    """The tensor in fewer bits.

    Args:
      name: the tensor's name, for errors.
      array: float32, any shape with at least one value.
      method: one of `METHODS`. `uniform` (the paper's), `quantile` and `kmeans` choose 256 values for the tensor, of
        which every value becomes the nearest; `per_channel` has 256 equal steps from the smallest to the largest value
        of each channel (last axis), and is `uniform` for channels of fewer than 64 values, vectors among them. With
        the ending 4 they have 16 instead of 256. `float16` is a plain cast.

    Returns:
      Codebook, Affine or Float16. Values are assigned to a codebook before it is rounded to float32. A tensor of equal
      values has codes 0 and is exact.

    Raises:
      InputError: an unknown method; NaN, infinity or nothing in the tensor; a value that float16 (up to 65504) or a
        range that float32 cannot hold.
    """
    if method not in METHODS:
        raise InputError(f"There is no quantisation {method!r}: choose one of {', '.join(METHODS)}.")
    if not array.size:
        raise InputError(f"{name} is empty: there is nothing to quantise.")
    require_finite(name, array)
    if method == "float16":
        return _to_float16(name, array)
    bits = bits_of(method)
    if method.startswith("per_channel"):
        if array.ndim > 1 and array.size >= _LEAST_ROWS * array.shape[-1]:
            return _by_channel(name, array, bits)
        method = "uniform"
    codebook = CODEBOOKS[method.removesuffix("4")](array, 2**bits)
    codes = _assign_equal_steps(array, codebook) if method.startswith("uniform") else assign(array, codebook)
    return Codebook(codes, codebook.astype(np.float32))


def bits_of(method):
    """Bits a value of one of `METHODS`."""
    return 16 if method == "float16" else 4 if method.endswith("4") else 8


def _to_float16(name, array):
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError(f"{name} holds {np.abs(array).max():g}, more than float16 can hold: leave it in float32.")
    return Float16(half)


def _by_channel(name, array, bits):
    rows = array.reshape(-1, array.shape[-1])
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    if (widest := float((high - low).max())) > np.finfo(np.float32).max:
        raise InputError(f"{name} has a channel whose values span {widest:g}, more than float32 can hold.")
    step = ((high - low) / (2**bits - 1)).astype(np.float32)
    low = low.astype(np.float32)
    codes = np.empty(rows.shape, np.uint8)
    height = max(_CHUNK // rows.shape[1], 1)
    for start in range(0, len(rows), height):
        steps = (rows[start : start + height] - low) / np.where(step > 0, step, 1)
        codes[start : start + height] = np.clip(np.rint(steps), 0, 2**bits - 1)
    return Affine(codes.reshape(array.shape), low, step, bits)


def uniform_codebook(array, levels=256):
    """Values at equal distances from the smallest to the largest: float64 (levels,)."""
    # From Python floats: NumPy 2 would compute it in the precision of float32 scalars.
    return np.linspace(float(array.min()), float(array.max()), levels)


def quantile_codebook(array, levels=256):
    """The quantiles i / (levels - 1), i = 0 .. levels - 1, linearly interpolated: float64 (levels,)."""
    return np.quantile(array.astype(np.float64), np.linspace(0.0, 1.0, levels))


def kmeans_codebook(array, levels=256):
    """Centres of clusters with small squared distances (k-means in one dimension): float64 (levels,).

    Values are sorted once, so that a cluster is a range and its mean a difference of running sums. A cluster that
    loses its last value keeps its centre. Starts where many centres are best placed, in proportion to the cube root of
    the density (Panter and Dite, 1951); the reference starts at random.
    """
    values = np.sort(array.astype(np.float64), axis=None)
    running_sums = np.concatenate([[0.0], np.cumsum(values)])
    # The density is one over the gap between neighbours, so its cube root gathers gap^(2/3) in each gap, up to about
    # one centre's share: the gap before an outlier would take many centres to where there is no value.
    shares = np.diff(values) ** (2 / 3)
    for _ in range(_CAPS):
        shares = np.minimum(shares, shares.sum() / levels)
    gathered = np.concatenate([[0.0], np.cumsum(shares)])
    centres = np.interp(np.linspace(0.0, gathered[-1], levels), gathered, values)
    for _ in range(_ROUNDS):
        inner = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        ends = np.concatenate([[0], inner, [len(values)]])
        counts = np.diff(ends)
        centres = np.where(counts > 0, np.diff(running_sums[ends]) / np.maximum(counts, 1), centres)
    return np.sort(centres)


CODEBOOKS = {"uniform": uniform_codebook, "quantile": quantile_codebook, "kmeans": kmeans_codebook}
_METHODS_OF_CODES = (*CODEBOOKS, "per_channel")
METHODS = (*_METHODS_OF_CODES, *(f"{method}4" for method in _METHODS_OF_CODES), "float16")


def assign(array, codebook):
    """Code of the nearest entry of every value: uint8 in the shape of `array`.

    Distances are float64; of several entries at the same distance the first counts. The result is that of comparing
    every value with all 256 entries, at the cost of a binary search.

    Args:
      array: finite floats.
      codebook: float (up to 256,), in ascending order; entries may be equal.
    """
    entries, first = np.unique(np.asarray(codebook, np.float64), return_index=True)
    values = array.reshape(-1)
    codes = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK].astype(np.float64)
        codes[start : start + _CHUNK] = first[_nearest(chunk, entries)]
    return codes.reshape(array.shape)


def _assign_equal_steps(array, entries):
    """`assign` for ascending entries at equal distances: compares with three of them instead of searching."""
    step = (entries[-1] - entries[0]) / (len(entries) - 1)
    values = array.reshape(-1)
    codes = np.zeros(values.shape, np.uint8)
    for start in range(0, len(values) if step > 0 else 0, _CHUNK):
        chunk = values[start : start + _CHUNK].astype(np.float64)
        middle = np.clip(((chunk - entries[0]) / step + 0.5).astype(np.intp), 1, len(entries) - 2)
        below, at, above = (np.abs(chunk - entries[middle + offset]) for offset in (-1, 0, 1))
        codes[start : start + _CHUNK] = np.where(below <= at, middle - 1, np.where(at <= above, middle, middle + 1))
    return codes.reshape(array.shape)


def _nearest(values, entries):
    """Index of the nearest of the ascending, different `entries`, the first of those at the same distance."""
    above = np.minimum(np.searchsorted(entries, values), len(entries) - 1)
    below = np.maximum(above - 1, 0)
    nearest = np.where(np.abs(values - entries[below]) <= np.abs(values - entries[above]), below, above)
    # Rounding can make the distance to an entry further left the same.
    while (equal := _as_near_on_the_left(values, entries, nearest)).any():
        nearest = nearest - equal
    return nearest


def _as_near_on_the_left(values, entries, nearest):
    left = np.maximum(nearest - 1, 0)
    return (nearest > 0) & (np.abs(values - entries[left]) == np.abs(values - entries[nearest]))


def require_finite(name, array):
    """Raises InputError where a tensor holds NaN or infinity."""
    if not np.isfinite(array).all():
        count = int(array.size - np.isfinite(array).sum())
        raise InputError(
            f"{name} holds {count} values that are NaN or infinite: a model in that state is of no use. Choose an "
            "earlier checkpoint."
        )
