"""One model from several: the mean of their weights."""

import numpy as np

from yt8m_distill.errors import InputError


def average(checkpoints):
    """The arithmetic mean of every variable over checkpoints of one model.

    Floats are added up in the order of the checkpoints, in float32 (float64 stays float64). Other types, such as step
    counters and the states of random generators, have no mean: the last checkpoint's stand.

    Args:
      checkpoints: iterable of {name: array}; one is held in memory at a time.

    Returns:
      {name: array}, dtypes and shapes as in the checkpoints.

    Raises:
      InputError: there is none, or names or shapes differ between them.
    """
    totals, count = {}, 0
    for count, variables in enumerate(checkpoints, start=1):
        arrays = {name: np.asarray(array) for name, array in variables.items()}
        if count == 1:
            dtypes = {name: array.dtype for name, array in arrays.items()}
            totals = {name: _summand(array) for name, array in arrays.items()}
            continue
        _require_same_variables(totals, arrays, count)
        for name, array in arrays.items():
            totals[name] = totals[name] + _summand(array) if _has_mean(array) else array
    if not count:
        raise InputError("There is no checkpoint to average: give at least one.")
    return {name: _mean(total, count).astype(dtypes[name]) for name, total in totals.items()}


def _mean(total, count):
    return total / np.array(count, total.dtype) if _has_mean(total) else total


def _has_mean(array):
    return np.issubdtype(array.dtype, np.floating)


def _summand(array):
    return array.astype(np.promote_types(array.dtype, np.float32)) if _has_mean(array) else array


def _require_same_variables(first, arrays, number):
    if differing := sorted(first.keys() ^ arrays.keys()):
        raise InputError(f"Checkpoint {number} and checkpoint 1 do not both have {', '.join(differing[:3])}.")
    for name, array in arrays.items():
        if array.shape != first[name].shape:
            raise InputError(f"{name} is {array.shape} in checkpoint {number} and {first[name].shape} in checkpoint 1.")
