"""Reference names of heads and front ends (google/youtube-8m, WILLOW, linrongc, skalic)."""

from yt8m_distill.errors import InputError
from yt8m_distill.layers.context_gating import ContextGating
from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.models.reference_names.slim import batch_norm, dense


def head_variables(head):
    """{name: variable} of a `Head`.

    Raises:
      InputError: the head has a hidden layer, which no reference has there.
    """
    if head.hidden is not None:
        raise InputError("No reference has a hidden layer in its head: --head_hidden_units must be 0.")
    variables = classifier_variables(head.classifier)
    if head.gate is not None:
        variables |= gate_variables(head.gate)
    if head.probability_gate is not None:
        variables |= {"gating_prob_weights": head.probability_gate.kernel}
        variables |= batch_norm("gating_prob_bn", head.probability_gate.bn)
    return variables


def classifier_variables(classifier):
    """{name: variable} of a `Logistic` or `MixtureOfExperts`."""
    if isinstance(classifier, Logistic):
        return dense("fully_connected", classifier.logits)
    experts = dense("experts", classifier.experts)
    if classifier.low_rank > 0:
        return {**dense("gates1", classifier.reduce), **dense("gates2", classifier.gates), **experts}
    return {**dense("gates", classifier.gates), **experts}


def gate_variables(gate):
    """{name: variable} of a `ContextGating` or `SqueezeExcitationGating`."""
    if not isinstance(gate, ContextGating):
        return {
            "gating_weights_1": gate.squeeze.kernel,
            **batch_norm("gating_bn", gate.squeeze_bn),
            "gating_weights_2": gate.excite.kernel,
        }
    offset = batch_norm("gating_bn", gate.bn) if gate.batch_norm else {"gating_biases": gate.bias}
    return {"gating_weights_2": gate.kernel, **offset}


def front_end_variables(front_end, feature_names):
    """{name: variables} of a `FrontEnd`: the batch norm of all features side by side, or nothing."""
    if not front_end.batch_norm:
        return {}
    return batch_norm("input_bn", *(getattr(front_end, f"{name}_bn") for name in feature_names))
