"""Batch norm's statistics of a model whose weights were not trained but made, such as by averaging."""

import contextlib
import itertools

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from yt8m_distill.data.batches import input_signature, model_inputs
from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.errors import InputError
from yt8m_distill.layers.batch_normalization import BatchNormalization


def reestimate(model, spec, shards, examples, *, seed=0, progress=True, **reading):
    """Sets the moving statistics to the mean, over batches of data, of the moments that training would take of them.

    Batches pass through the model in training mode, every batch norm with the moments of the batch, but without
    dropout: evaluation has none, and the variances behind it would be too large. A mean of averaged models' own
    statistics would be that of other activations.

    Args:
      model: VideoClassifier; its moving means and variances change and nothing else does.
      spec: FeatureSpec of the records.
      shards: TFRecord files; labels are not looked at.
      examples: about so many are read, whole batches, drawn as by training with this `seed`; a batch counts as the
        number of its examples. Frames that a layer draws are drawn by this seed too.
      progress: whether to show a progress bar on stderr, where that is a terminal.
      **reading: fields of `ReadOptions`. The same arguments give the same statistics.

    Returns:
      The number of examples read.

    Raises:
      InputError: the model has no batch norm, or there is no example.

    Reference:
      Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018, section 3.2.
    """
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, BatchNormalization)]
    if not layers:
        raise InputError(f"{model.name} has no batch norm whose statistics could be estimated anew: leave that out.")
    options = ReadOptions(**reading)
    batches = read_batches(shards, spec, options, seed=seed, labelled=spec.level == "segment")
    totals, examples_read = [_Total() for _ in layers], 0
    with (
        _without_dropout(model),
        _as_before([layer.updates for layer in layers]),
        _seeded(model, seed),
        tqdm(total=examples, unit="video", desc="batch norm", disable=None if progress else True) as bar,
    ):
        moments = _make_moments(model, layers, spec)
        for batch in itertools.islice(checked(batches, shards, spec), max(1, examples // options.batch_size)):
            batch = model_inputs(batch, spec)
            count = len(next(iter(batch.values())))
            for total, parts in zip(totals, moments(batch), strict=True):
                total.add(count, *(part.numpy() for part in parts))
            examples_read += count
            bar.update(count)
    for layer, total in zip(layers, totals, strict=True):
        if not total.weight:
            raise InputError(f"{shards[0]} and {len(shards) - 1} more hold no example with a frame to read.")
        layer.moving_mean.assign(total.mean / total.weight)
        layer.moving_variance.assign(total.variance / total.weight)
    return examples_read


class _Total:
    """Weighted sums of moments, float64."""

    def __init__(self):
        self.weight, self.mean, self.variance = 0.0, 0.0, 0.0

    def add(self, count, seen, mean, variance):
        """Adds a batch of `count` examples, of which the layer has `seen` a row (1) or none (0)."""
        self.weight += count * float(seen)
        self.mean += count * mean.astype(np.float64)
        self.variance += count * variance.astype(np.float64)


def _make_moments(model, layers, spec):
    """Compiles a function of a batch to (1 where a layer saw a row, mean, variance) of every layer."""

    @tf.function(input_signature=[input_signature(spec)], autograph=False)
    def moments(batch):
        for layer in layers:
            layer.forget()
        model(batch, training=True)
        return [(layer.updates + 1.0, layer.moving_mean + 0.0, layer.moving_variance + 0.0) for layer in layers]

    return moments


@contextlib.contextmanager
def _without_dropout(model):
    rates = {layer: layer.rate for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dropout)}
    for layer in rates:
        layer.rate = 0.0
    try:
        yield
    finally:
        for layer, rate in rates.items():
            layer.rate = rate


@contextlib.contextmanager
def _seeded(model, seed):
    """Random states from `seed`: a made run stores none, so that each model read from it starts from others."""
    weights = {id(weight) for weight in model.weights}
    states = [variable for variable in model.variables if id(variable) not in weights]
    random = np.random.default_rng(seed)
    with _as_before(states):
        for state in states:
            state.assign(random.integers(2**31, size=state.shape))
        yield


@contextlib.contextmanager
def _as_before(variables):
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
