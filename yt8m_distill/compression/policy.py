"""Which weights of a model are stored in which way, for any model: by their names and their sizes."""

import dataclasses
import re

import numpy as np

from yt8m_distill.compression.partial_quantization import METHODS, is_converted, quantize, require_finite
from yt8m_distill.errors import InputError
from yt8m_distill.stored_weights import MIN_ELEMENTS, Plain

KEPT = "none"


@dataclasses.dataclass(frozen=True)
class Rule:
    """Weights whose name holds `pattern`, a regular expression, are stored by `method`."""

    pattern: str
    method: str


@dataclasses.dataclass(frozen=True)
class Policy:
    """How weights are stored.

    Attributes:
      method: of weights that no rule names; one of `partial_quantization.METHODS`, or "none" for float32.
      min_elements: weights with more values than this are converted, float32 ones alone.
      rules: the first whose pattern is found in a name counts; it says nothing about smaller weights.
      small_method: of smaller float32 weights: "none", as the paper has it, or "float16", where that can hold them.

    Raises:
      InputError: an unknown method, or a pattern that is no regular expression.
    """

    method: str = "uniform"
    min_elements: int = MIN_ELEMENTS
    rules: tuple[Rule, ...] = ()
    small_method: str = KEPT

    def __post_init__(self):
        for method in (self.method, self.small_method, *(rule.method for rule in self.rules)):
            if method not in (*METHODS, KEPT):
                raise InputError(f"There is no quantisation {method!r}: choose one of {', '.join((*METHODS, KEPT))}.")
        for rule in self.rules:
            try:
                re.compile(rule.pattern)
            except re.error as error:
                raise InputError(f"--quantize_rules: {rule.pattern!r} is no regular expression: {error}.") from error

    def method_of(self, name, array):
        """The method of one weight, "none" where it stays as it is."""
        if not is_converted(array, self.min_elements):
            return "float16" if self.small_method == "float16" and _fits_float16(array) else KEPT
        return next((rule.method for rule in self.rules if re.search(rule.pattern, name)), self.method)

    def unnamed(self, weights):
        """Names of the weights that are converted and that no rule names."""
        names = [name for name, array in weights.items() if is_converted(array, self.min_elements)]
        return [name for name in names if not any(re.search(rule.pattern, name) for rule in self.rules)]

    def methods(self, weights):
        """{name: method} of {name: array}.

        Raises:
          InputError: a rule names no weight that is large enough.
        """
        for rule in self.rules:
            found = [name for name, array in weights.items() if re.search(rule.pattern, name)]
            if not any(is_converted(weights[name], self.min_elements) for name in found):
                raise InputError(
                    f"--quantize_rules={rule.pattern}={rule.method}: no weight of that name has more than "
                    f"{self.min_elements:,} values. The largest weights are {', '.join(largest(weights))}."
                )
        return {name: self.method_of(name, array) for name, array in weights.items()}


def _fits_float16(array):
    return array.dtype == np.float32 and array.size and np.abs(array).max() <= np.finfo(np.float16).max


def parse_rules(texts):
    """Rules of texts such as "head/.*=kmeans"."""
    pairs = [text.rpartition("=")[::2] for text in texts]
    if wrong := [text for text, (pattern, method) in zip(texts, pairs, strict=True) if not (pattern and method)]:
        raise InputError(f"--quantize_rules={wrong[0]}: expected PATTERN=METHOD, such as head/.*=kmeans.")
    return tuple(Rule(*pair) for pair in pairs)


def largest(weights, count=3):
    """Names of the weights with most values."""
    return sorted(weights, key=lambda name: -weights[name].size)[:count]


def store(name, array, method):
    """The stored tensor of a weight.

    Raises:
      InputError: NaN or infinity in it, however it is stored; from `quantize`.
    """
    if np.issubdtype(array.dtype, np.floating):
        require_finite(name, array)
    return Plain(array) if method == KEPT else quantize(name, array, method)
