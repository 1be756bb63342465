"""Weights of a reference checkpoint (TensorFlow 1), assigned by their variable names.

The names are those of google/youtube-8m and linrongc/youtube-8m. They put everything under `tower/`; the prefix may be
there or not.
"""

import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts
from yt8m_distill.models.nextvlad import NeXtVLADAggregator

_PREFIX = "tower/"
_NEXTVLAD_SCOPES = ("video_VLAD", "audio_VLAD")
_OPTIMIZER_NAMES = ("global_step", "beta1_power", "beta2_power")
_OPTIMIZER_SUFFIXES = ("/Adam", "/Adam_1")


def load_reference_weights(model, values):
    """Assigns every weight of `model`.

    Args:
      model: built `VideoClassifier` of a family that has a reference: NeXtVLAD with at most two features, or a head on
        the features themselves (FrameLevelLogistic, Logistic, MoE).
      values: {reference variable name: array}. Names of the optimiser are ignored.

    Raises:
      InputError: a weight is missing, left over or of another shape; the family has no reference.
    """
    assign_weights(reference_variables(model), values)
    for layer in model._flatten_layers():
        if isinstance(layer, BatchNormalization):
            layer.settle()


def reference_variables(model):
    """{reference variable name: variable of `model`}, without the `tower/` prefix."""
    return {**_aggregator_variables(model.aggregator), **_head_variables(model.head)}


def assign_weights(variables, values):
    """Assigns `values` to `variables`, by name.

    Args:
      variables: {name: variable}.
      values: {name: array}, with or without the `tower/` prefix. An array may have one leading axis of size 1 more.

    Raises:
      InputError: names or shapes differ; nothing is assigned then.
    """
    arrays = {name.removeprefix(_PREFIX): np.asarray(array) for name, array in values.items() if not _is_slot(name)}
    problems = [f"{name} is missing" for name in sorted(variables.keys() - arrays.keys())]
    problems += [f"{name} is left over" for name in sorted(arrays.keys() - variables.keys())]
    for name in variables.keys() & arrays.keys():
        if arrays[name].ndim == len(variables[name].shape) + 1 and arrays[name].shape[0] == 1:
            arrays[name] = arrays[name][0]
        if arrays[name].shape != tuple(variables[name].shape):
            problems.append(f"{name} is {arrays[name].shape} and the model's is {tuple(variables[name].shape)}")
    if problems:
        raise InputError(f"The reference weights do not fit the model: {'; '.join(problems)}. Check its sizes.")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _is_slot(name):
    name = name.removeprefix(_PREFIX)
    return name in _OPTIMIZER_NAMES or name.endswith(_OPTIMIZER_SUFFIXES)


def nextvlad_variables(stream, scope):
    """The variables of one `NeXtVLAD` layer under their names in linrongc/youtube-8m."""
    names = {
        **_dense("fully_connected", stream.expand),
        **_dense("fully_connected_1", stream.attention),
        "cluster_weights": stream.cluster_weights,
        **_batch_norm("cluster_bn", stream.cluster_bn),
        "cluster_weights2": stream.centres,
        **_batch_norm("vlad_bn", stream.vlad_bn),
    }
    return {f"{scope}/{name}": variable for name, variable in names.items()}


def _aggregator_variables(aggregator):
    if not aggregator.weights:
        return {}
    if not isinstance(aggregator, NeXtVLADAggregator):
        raise InputError(f"{type(aggregator).__name__} has no reference whose weights could be loaded.")
    if len(aggregator.streams) > len(_NEXTVLAD_SCOPES):
        raise InputError(f"The reference has two streams at most: this model has {', '.join(aggregator.streams)}.")
    variables = {}
    for stream, scope in zip(aggregator.streams.values(), _NEXTVLAD_SCOPES, strict=False):
        variables |= nextvlad_variables(stream, scope)
    return {
        **variables,
        "hidden1_weights": aggregator.hidden.kernel,
        **_batch_norm("hidden1_bn", aggregator.hidden_bn),
        "gating_weights_1": aggregator.gating.squeeze.kernel,
        **_batch_norm("gating_bn", aggregator.gating.squeeze_bn),
        "gating_weights_2": aggregator.gating.excite.kernel,
    }


def _head_variables(head):
    if isinstance(head, Logistic):
        return _dense("fully_connected", head.logits)
    if isinstance(head, MixtureOfExperts):
        return {**_dense("gates", head.gates), **_dense("experts", head.experts)}
    raise InputError(f"{type(head).__name__} has no reference whose weights could be loaded.")


def _dense(scope, layer):
    variables = {f"{scope}/weights": layer.kernel}
    if layer.use_bias:
        variables[f"{scope}/biases"] = layer.bias
    return variables


def _batch_norm(scope, layer):
    return {f"{scope}/{name}": getattr(layer, name) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
