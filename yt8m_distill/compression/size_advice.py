"""What to do about weights that are over a budget: which are largest, and what a step down would save."""

import numpy as np

from yt8m_distill.stored_weights import MIN_ELEMENTS, Float16, Plain, codebook_size

_COUNT = 3


def advice(tensors, excess, min_elements=MIN_ELEMENTS, besides=0):
    """A few sentences; what a step saves is that of a codebook a weight.

    Args:
      tensors: {name: stored tensor}.
      excess: bytes over the budget.
      min_elements: weights with more values than this may be converted.
      besides: bytes that every weight in codes takes elsewhere.
    """
    sizes = {name: tensor.num_bytes for name, tensor in tensors.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_COUNT]
    largest = [name for name in largest if sizes[name] >= sum(sizes.values()) / 100]
    named = ", ".join(f"{name} ({_stored(tensors[name])}, {sizes[name] / 1e6:,.1f} MB)" for name in largest)
    text = f"The largest weights are {named}."
    for bits in (8, 4):
        saved, least = _step(tensors.values(), bits, min_elements, besides)
        if saved:
            how = f" with --min_elements={least}" if least > min_elements else ""
            verdict = "which would fit" if saved >= excess else "which would not be enough"
            text += f" {bits} bits{how} would save {saved / 1e6:,.1f} MB, {verdict}."
    return text


def _step(tensors, bits, min_elements, besides):
    """(bytes that codes of so many bits would save, the `min_elements` with which no weight would grow)."""
    savings = [
        (_values(tensor).size, tensor.num_bytes - codebook_size(_values(tensor).shape, bits) - besides)
        for tensor in tensors
        if _can_go_to(tensor, bits)
    ]
    least = max([min_elements, *(count for count, saved in savings if saved <= 0)])
    return sum(saved for count, saved in savings if count > least), least


def _can_go_to(tensor, bits):
    """Whether it takes more bits now, and is of a float32 weight: others stay as they are."""
    return _bits(tensor) > bits and (type(tensor) is not Plain or tensor.values.dtype == np.float32)


def _values(tensor):
    return tensor.values if isinstance(tensor, Plain) else tensor.codes


def _bits(tensor):
    return tensor.values.dtype.itemsize * 8 if isinstance(tensor, Plain) else tensor.bits


def _stored(tensor):
    if isinstance(tensor, Float16):
        return "float16"
    return str(tensor.values.dtype) if isinstance(tensor, Plain) else f"{tensor.bits} bits"
