"""What to do about weights that are over a budget: which are largest, and what a step down would save."""

from yt8m_distill.stored_weights import MIN_ELEMENTS, Float16, Plain

_COUNT = 3


def advice(tensors, excess, min_elements=MIN_ELEMENTS):
    """One or two sentences.

    Args:
      tensors: {name: stored tensor}.
      excess: bytes over the budget.
      min_elements: weights with more values than this may be converted.
    """
    sizes = {name: tensor.num_bytes for name, tensor in tensors.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_COUNT]
    largest = [name for name in largest if sizes[name] >= sum(sizes.values()) / 100]
    named = ", ".join(f"{name} ({_stored(tensors[name])}, {sizes[name] / 1e6:,.1f} MB)" for name in largest)
    text = f"The largest weights are {named}."
    for bits, saved in _steps(tensors, min_elements):
        if saved:
            verdict = "which would fit" if saved >= excess else "which would not be enough"
            text += f" {bits} bits would save {saved / 1e6:,.1f} MB, {verdict}."
    return text


def _steps(tensors, min_elements):
    """(bits, bytes that codes of so many bits would save) of what takes more now."""
    for bits in (8, 4):
        higher = [tensor for tensor in tensors.values() if _bits(tensor) > bits and _values(tensor) > min_elements]
        yield bits, sum(tensor.num_bytes - _values(tensor) * bits // 8 for tensor in higher)


def _values(tensor):
    return tensor.values.size if isinstance(tensor, Plain) else tensor.codes.size


def _bits(tensor):
    return tensor.values.dtype.itemsize * 8 if isinstance(tensor, Plain) else tensor.bits


def _stored(tensor):
    if isinstance(tensor, Float16):
        return "float16"
    return str(tensor.values.dtype) if isinstance(tensor, Plain) else f"{tensor.bits} bits"
