"""What a model costs: weights, bytes, and the multiply-adds of one video, layer by layer.

The model is built without its weights being allocated and run on shapes alone, while every product of matrices that
`keras.ops` is asked for is counted: the operations that run, not formulas about them.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import math
import operator
import random
import threading

import keras

from yt8m_distill.cost.products import ProductCounter
from yt8m_distill.models.classifier import build_model
from yt8m_distill.stored_weights import size_in_8_bits

BYTES_PER_WEIGHT = 4  # float32

# Whatever depends on the number of frames, be it by whole blocks of frames, differs between these two.
_FEW_AND_MANY = (2, 300)
_ONE_AT_A_TIME = threading.Lock()


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Cost of one layer, without the layers inside of it.

    Attributes:
      path: names of the layers around it and its own; empty for the model itself.
      trainable: number of trainable weights.
      non_trainable: number of weights that training moves otherwise, or not at all: moving statistics, mostly.
      bytes_in_8_bits: of all of these where large ones are quantised, see `stored_weights.size_in_8_bits`.
      multiply_adds: one number for each of `ModelCost.frames`.
      per_video: the part of each that does not depend on the number of frames; the rest grows with them.
    """

    path: str
    trainable: int
    non_trainable: int
    bytes_in_8_bits: int
    multiply_adds: tuple[int, ...]
    per_video: int


@dataclasses.dataclass(frozen=True)
class ModelCost:
    """Cost of a model.

    Attributes:
      name: name of the model.
      frames: numbers of frames for which multiply-adds were counted.
      layers: `LayerCost` of every layer that has weights or multiplies.
    """

    name: str
    frames: tuple[int, ...]
    layers: tuple[LayerCost, ...]

    @property
    def total(self):
        """The sum of all layers, as a `LayerCost`."""
        columns = zip(*(layer.multiply_adds for layer in self.layers), strict=True)
        return LayerCost(
            path="total",
            trainable=sum(layer.trainable for layer in self.layers),
            non_trainable=sum(layer.non_trainable for layer in self.layers),
            bytes_in_8_bits=sum(layer.bytes_in_8_bits for layer in self.layers),
            multiply_adds=tuple(map(sum, columns)),
            per_video=sum(layer.per_video for layer in self.layers),
        )


def model_cost(config, spec, frames=(300,)):
    """Counts the weights of a model and the multiply-adds of its inference on one video.

    A multiply-add is one `a * b` summed up in a product of matrices (matmul, einsum, tensordot, dot, conv). Everything
    else is left out: norms, gates, softmax, dequantisation. Padded frames count, since they are multiplied too. A loop
    over frames counts its body once for every frame.

    Args:
      config: `ModelConfig`.
      spec: `FeatureSpec`.
      frames: numbers of frames of a video, at least one; to a model of video-level features they are all the same.

    Returns:
      `ModelCost`.

    Raises:
      InputError: as `build_model`.
      NotImplementedError: the model uses an operation that this module cannot count.
    """
    # Keras keeps its state by thread. What is left behind in a thread of its own, such as the list of variables that
    # wait for their values, ends with the thread; and mixed precision that was set elsewhere changes nothing.
    with _ONE_AT_A_TIME, concurrent.futures.ThreadPoolExecutor(1) as pool:
        state = random.getstate()  # initializers draw their seeds from it
        try:
            return pool.submit(_model_cost, config, spec, tuple(frames)).result()
        finally:
            random.setstate(state)


def _model_cost(config, spec, frames):
    with keras.StatelessScope(initialize_variables=False):
        model = build_model(config, spec)
        runs = {count: _products(model, spec, count) for count in (*frames, *_FEW_AND_MANY)}
    trainable, non_trainable = _by_layer(model.trainable_weights), _by_layer(model.non_trainable_weights)
    in_8_bits = _by_layer(model.weights, size_in_8_bits)
    layers = tuple(
        LayerCost(
            path=path,
            trainable=trainable.get(path, 0),
            non_trainable=non_trainable.get(path, 0),
            bytes_in_8_bits=in_8_bits.get(path, 0),
            multiply_adds=tuple(sum(runs[count].get(path, ())) for count in frames),
            per_video=_unchanged([products.get(path, ()) for products in runs.values()]),
        )
        for path in dict.fromkeys([*in_8_bits, *runs[frames[0]]])
    )
    return ModelCost(config.name, frames, layers)


def _unchanged(runs):
    """Sum of the products that every run of a layer holds; a longer video may go about its products another way."""
    common = functools.reduce(operator.and_, map(collections.Counter, runs))
    return sum(common.elements())


def _by_layer(variables, measure=int):
    """{path of the layer: sum over its weights of a function of their number of values}."""
    counts = {}
    for variable in variables:
        path = "/".join(variable.path.split("/")[1:-1])
        counts[path] = counts.get(path, 0) + measure(math.prod(variable.shape))
    return counts


def _products(model, spec, frames):
    """{path of the layer: multiply-adds of its products, in the order they run} of one video of so many frames."""
    shape, dtype = ((1, frames), "uint8") if spec.has_frames else ((1,), "float32")
    inputs = {name: keras.KerasTensor((*shape, size), dtype) for name, size in spec.size_by_name.items()}
    if spec.has_frames:
        inputs["num_frames"] = keras.KerasTensor((1,), "int32")
    counter = ProductCounter()
    with counter.counting():
        weights = [keras.KerasTensor(variable.shape, variable.dtype) for variable in model.variables]
        _Fresh(model, counter).compute_output_spec(inputs, weights)
    paths = dict(_layer_paths(model))
    products = {}
    for layer, found in counter.found.items():
        products.setdefault(paths.get(layer, layer.name), []).extend(found)
    return products


def _layer_paths(layer, path=""):
    """(layer, path) of every layer inside of this one, and of itself."""
    yield layer, path
    for part in vars(layer).values():
        if isinstance(part, keras.layers.Layer):
            yield from _layer_paths(part, f"{path}/{part.name}".lstrip("/"))


class _Fresh(keras.layers.Layer):
    """Calls a model whose weights have no values, with values that are shapes, and a counter set to zero.

    Some backends call it again where the first attempt fails.
    """

    def __init__(self, model, counter):
        super().__init__()
        self.model = model
        self.counter = counter

    def call(self, inputs, weights):
        self.counter.found.clear()
        for variable, value in zip(self.model.variables, weights, strict=True):
            variable.assign(value)
        return self.model(inputs)
