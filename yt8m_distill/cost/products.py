"""The products of matrices that a model asks `keras.ops` for, counted while it runs on shapes alone."""

import contextlib
import math
import sys
import threading

import keras
from keras import ops


def _tensordot(result, x1, x2, axes=2):
    contracted = x1.shape[len(x1.shape) - axes :] if isinstance(axes, int) else [x1.shape[i] for i in _tuple(axes[0])]
    return _size(result) * math.prod(contracted)


def _tuple(axes):
    return (axes,) if isinstance(axes, int) else axes


def _einsum(result, subscripts, *operands):
    if len(operands) != 2 or "." in subscripts:
        raise NotImplementedError(f"einsum {subscripts!r}: only two operands with named axes can be counted.")
    sizes = {}
    for labels, operand in zip(subscripts.split("->")[0].split(","), operands, strict=True):
        sizes.update(zip(labels.replace(" ", ""), operand.shape, strict=True))
    return math.prod(sizes.values())


def _size(tensor):
    return math.prod(tensor.shape)


# {name in keras.ops: multiply-adds, from the result and the arguments}
_PRODUCTS = {
    "matmul": lambda result, x1, x2: _size(result) * x1.shape[-1],
    "dot": lambda result, x1, x2: _size(result) * x1.shape[-1],
    "tensordot": _tensordot,
    "einsum": _einsum,
    "conv": lambda result, inputs, kernel, *_, **__: _size(result) * math.prod(kernel.shape[:-1]),
}
# They multiply matrices, or call what does, and nobody counts them yet: an error is better than a number too small.
_UNCOUNTED = (
    *("inner", "outer", "vdot", "conv_transpose", "depthwise_conv", "separable_conv", "dot_product_attention"),
    *("while_loop", "fori_loop", "map", "vectorized_map", "associative_scan", "cond", "switch"),
)


class ProductCounter:
    """Products of matrices by layer, of what runs in a `with counter.counting():` block.

    Attributes:
      found: {innermost layer, or None outside of layers: multiply-adds of its products, in the order they run}.
    """

    def __init__(self):
        self.found = {}
        self._layers = [None]
        self._times = 1

    @contextlib.contextmanager
    def counting(self):
        """Puts counting functions in the place of those of `keras.ops`, wherever these have been imported to."""
        replacements = {name: self._counted(getattr(ops, name), count) for name, count in _PRODUCTS.items()}
        replacements |= {name: _refused(name) for name in _UNCOUNTED} | {"scan": self._scan}
        functions = {name: getattr(ops, name) for name in replacements}
        call = keras.layers.Layer.__call__
        places = [(keras.layers.Layer, "__call__", call, self._inside(call))]
        for module in list(sys.modules.values()):
            names = getattr(module, "__dict__", {})
            places += [(module, name, f, replacements[name]) for name, f in functions.items() if names.get(name) is f]
        try:
            for place, name, function, replacement in places:
                setattr(place, name, _here(replacement, function))
            yield
        finally:
            for place, name, function, _ in places:
                setattr(place, name, function)

    def _counted(self, function, count):
        def counted(*args, **kwargs):
            result = function(*args, **kwargs)
            products = self.found.setdefault(self._layers[-1], [])
            products.append(self._times * count(result, *args, **kwargs))
            return result

        return counted

    def _inside(self, call):
        def called(layer, *args, **kwargs):
            if isinstance(layer, keras.layers.RNN):
                raise NotImplementedError(f"{layer.name} is a {type(layer).__name__}, whose loop cannot be counted.")
            self._layers.append(layer)
            try:
                return call(layer, *args, **kwargs)
            finally:
                self._layers.pop()

        return called

    def _scan(self, f, init, xs=None, length=None, reverse=False, unroll=1):
        """`ops.scan` whose body runs once and counts as often as the loop would run it; results have its shapes."""
        length = length if xs is None else keras.tree.flatten(xs)[0].shape[0]
        before, self._times = self._times, self._times * length
        try:
            carry, outputs = f(init, _map(_first, xs))
        finally:
            self._times = before
        return carry, _map(lambda y: ops.broadcast_to(y[None], (length, *y.shape)), outputs)


def _here(replacement, function):
    """`replacement` in this thread, `function` in all others."""
    thread = threading.get_ident()

    def chosen(*args, **kwargs):
        return (replacement if threading.get_ident() == thread else function)(*args, **kwargs)

    return chosen


def _map(function, tensors):
    return keras.tree.map_structure(lambda x: None if x is None else function(x), tensors)


def _first(tensor):
    """Something of the shape of `tensor[0]`, also where there is none."""
    return ops.zeros(tensor.shape[1:], keras.backend.standardize_dtype(tensor.dtype))


def _refused(name):
    def refused(*args, **kwargs):
        raise NotImplementedError(f"keras.ops.{name} cannot be counted.")

    return refused
