"""Partial quantisation: the large variables in 8 bits with a codebook each, or in float16; the others as they are.

Arithmetic on NumPy arrays, apart from any model. Source: Skalic and Austin, "Building a Size Constrained Predictive
Model for Video Classification", ECCV-W 2018, section 3.2, and its code (miha-skalic/youtube8mchallenge).
"""

import dataclasses

import numpy as np

from yt8m_distill.errors import InputError

MIN_ELEMENTS = 17_000
CODES = 256
_CHUNK = 2**18  # values assigned together: 15 MB of temporaries at most
_CAPS = 5  # cuts of the widest gaps' shares, each of which makes the sum smaller that sets the next one
_ROUNDS = 30  # of k-means; from where it starts, more change the error by less than 0.1 %


@dataclasses.dataclass(frozen=True)
class Quantized:
    """A float32 tensor in one byte a value.

    Attributes:
      codes: uint8, in the tensor's shape.
      codebook: float32 (256,), in ascending order.
    """

    codes: np.ndarray
    codebook: np.ndarray

    def dequantize(self):
        """float32 in the tensor's shape: the codebook's value of every code."""
        return self.codebook[self.codes]


def is_converted(array, min_elements=MIN_ELEMENTS):
    """Whether a variable is large enough to be worth it: float32 with strictly more than `min_elements` values."""
    return array.dtype == np.float32 and array.size > min_elements


def quantize(name, array, method="uniform"):
    """The tensor in 8 bits: every value becomes the nearest of 256.

    Args:
      name: the tensor's name, for errors.
      array: float32, any shape with at least one value.
      method: how the 256 values are chosen, a key of `CODEBOOKS`.

    Returns:
      Quantized. Values are assigned to the codebook before it is rounded to float32. A tensor of equal values has
      codes 0 and is exact.

    Raises:
      InputError: an unknown method, or NaN, infinity or nothing in the tensor.
    """
    if method not in CODEBOOKS:
        raise InputError(f"There is no quantisation {method!r}: choose one of {', '.join(CODEBOOKS)}.")
    _require_finite(name, array)
    codebook = CODEBOOKS[method](array)
    return Quantized(assign(array, codebook), codebook.astype(np.float32))


def to_float16(name, array):
    """The tensor in float16, by a plain cast; `.astype("float32")` is the way back.

    Raises:
      InputError: NaN, infinity or nothing in the tensor, or a value that float16 (up to 65504) cannot hold.
    """
    _require_finite(name, array)
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError(f"{name} holds {np.abs(array).max():g}, more than float16 can hold: leave it in float32.")
    return half


def uniform_codebook(array):
    """256 values at equal distances from the smallest to the largest: float64 (256,)."""
    # From Python floats: NumPy 2 would compute it in the precision of float32 scalars.
    return np.linspace(float(array.min()), float(array.max()), CODES)


def quantile_codebook(array):
    """The i/255-quantiles, i = 0 .. 255, linearly interpolated: float64 (256,)."""
    return np.quantile(array.astype(np.float64), np.linspace(0.0, 1.0, CODES))


def kmeans_codebook(array):
    """Centres of 256 clusters with small squared distances (k-means in one dimension): float64 (256,).

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
        shares = np.minimum(shares, shares.sum() / CODES)
    gathered = np.concatenate([[0.0], np.cumsum(shares)])
    centres = np.interp(np.linspace(0.0, gathered[-1], CODES), gathered, values)
    for _ in range(_ROUNDS):
        inner = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2)
        ends = np.concatenate([[0], inner, [len(values)]])
        counts = np.diff(ends)
        centres = np.where(counts > 0, np.diff(running_sums[ends]) / np.maximum(counts, 1), centres)
    return np.sort(centres)


CODEBOOKS = {"uniform": uniform_codebook, "quantile": quantile_codebook, "kmeans": kmeans_codebook}


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


def _require_finite(name, array):
    if not array.size:
        raise InputError(f"{name} is empty: there is nothing to quantise.")
    if not np.isfinite(array).all():
        count = int(array.size - np.isfinite(array).sum())
        raise InputError(
            f"{name} holds {count} values that are NaN or infinite: a model in that state cannot be quantised. Choose "
            "an earlier checkpoint."
        )
