"""Weights of a reference checkpoint (TensorFlow 1), assigned by their variable names.

`reference_names/` holds the names of google/youtube-8m, linrongc/youtube-8m, WILLOW, skalic and H-RNN.
"""

import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.hierarchical_lstm import HierarchicalLSTM
from yt8m_distill.models.dbof import EarlyFusion
from yt8m_distill.models.late_fusion import LateFusion
from yt8m_distill.models.mix_nextvlad import MixedAggregator
from yt8m_distill.models.reference_names.dbof import early_fusion_variables
from yt8m_distill.models.reference_names.heads import front_end_variables, head_variables
from yt8m_distill.models.reference_names.late_fusion import late_fusion_variables
from yt8m_distill.models.reference_names.nextvlad import mix_variables
from yt8m_distill.models.reference_names.rnn import recurrent_variables
from yt8m_distill.models.reference_names.slim import under
from yt8m_distill.models.rnn import RecurrentAggregator

# {aggregator: its variables under the reference's names}
_AGGREGATORS = {
    EarlyFusion: early_fusion_variables,
    LateFusion: late_fusion_variables,
    RecurrentAggregator: recurrent_variables,
}
_NAMED = 6  # misfits spelled out in an error
_OPTIMIZER_NAMES = ("global_step", "beta1_power", "beta2_power")
_OPTIMIZER_SUFFIXES = ("/Adam", "/Adam_1", "/ExponentialMovingAverage")


def load_reference_weights(model, values, scope="tower"):
    """Assigns every weight of `model`.

    Args:
      model: built `VideoClassifier` of a family that has a reference.
      values: {reference variable name: array}. Names of the optimiser and of averages are ignored.
      scope: prefix of the names, which may be there or not: google, linrongc and skalic have `tower`, WILLOW has none,
        H-RNN `model` for the teacher and `model_student` for the student.

    Raises:
      InputError: a weight is missing, left over or of another shape; the family has no reference.
    """
    assign_weights(reference_variables(model), values, scope)
    for layer in model._flatten_layers():
        if isinstance(layer, BatchNormalization):
            layer.settle()


def reference_variables(model):
    """{reference variable name without its scope: variable of `model`, or several that the reference stores as one}."""
    front_end = front_end_variables(model.front_end, model.feature_sizes)
    if isinstance(model.aggregator, MixedAggregator):
        return {**front_end, **mix_variables(model)}
    head = head_variables(model.head)
    if isinstance(getattr(model.aggregator, "recurrence", None), HierarchicalLSTM):
        head = under("classifier", head)  # H-RNN's head has a scope of its own
    return {**front_end, **_aggregator_variables(model.aggregator), **head}


def _aggregator_variables(aggregator):
    if not aggregator.weights:
        return {}
    if type(aggregator) not in _AGGREGATORS:
        raise InputError(f"{type(aggregator).__name__} has no reference whose weights could be loaded.")
    return _AGGREGATORS[type(aggregator)](aggregator)


def assign_weights(variables, values, scope="tower"):
    """Assigns `values` to `variables`, by name.

    Args:
      variables: {name: variable, or a tuple of variables that lie one after the other on the array's first axis}.
      values: {name: array}, with or without the scope before the name. An array may have one leading axis of size 1
        more.
      scope: see `load_reference_weights`.

    Raises:
      InputError: names or shapes differ; nothing is assigned then.
    """
    arrays = {name.removeprefix(f"{scope}/"): np.asarray(v) for name, v in values.items() if not _is_slot(name, scope)}
    parts = {name: v if isinstance(v, tuple) else (v,) for name, v in variables.items()}
    problems = [f"{name} is missing" for name in sorted(parts.keys() - arrays.keys())]
    problems += [f"{name} is left over" for name in sorted(arrays.keys() - parts.keys())]
    for name in parts.keys() & arrays.keys():
        expected = _joined_shape(parts[name])
        if arrays[name].shape == (1, *expected):
            arrays[name] = arrays[name][0]
        if arrays[name].shape != expected:
            problems.append(f"{name} is {arrays[name].shape} and the model's is {expected}")
    if problems:
        more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise InputError(
            f"The reference weights do not fit the model: {'; '.join(problems[:_NAMED])}{more}. Check --model."
        )
    for name, targets in parts.items():
        ends = np.cumsum([target.shape[0] for target in targets])
        for target, piece in zip(targets, np.split(arrays[name], ends[:-1]), strict=True):
            target.assign(piece)


def _joined_shape(variables):
    return (sum(variable.shape[0] for variable in variables), *variables[0].shape[1:])


def _is_slot(name, scope):
    name = name.removeprefix(f"{scope}/")
    return name in _OPTIMIZER_NAMES or name.endswith(_OPTIMIZER_SUFFIXES)
