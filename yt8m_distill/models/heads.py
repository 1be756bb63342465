"""The head, the same for every family, so that a teacher can hand its head to a student."""

import keras
from keras import ops

from yt8m_distill.layers.context_gating import ContextGating
from yt8m_distill.layers.hidden import Hidden
from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts
from yt8m_distill.layers.squeeze_excitation_gating import SqueezeExcitationGating
from yt8m_distill.models.parts import revive_part, serialize_part


@keras.saving.register_keras_serializable(package="yt8m_distill")
class Head(keras.layers.Layer):
    """`probability_gate(classifier(gate(hidden(representation))))`; every part but the classifier may be missing.

    Args:
      classifier: layer: (batch, size) -> float32 probabilities (batch, classes).
      hidden: layer between the representation and the gate.
      gate: layer that scales what the classifier reads.
      probability_gate: `ContextGating` of the probabilities.
      gate_probabilities_by: "prob": the probabilities' gates see the probabilities; "input": what the classifier reads.

    Call arguments:
      representation: float (batch, d).
      training: passed on to every part.

    Output shape:
      float32 (batch, classes), under every dtype policy.

    Reference:
      Miech et al., "Learnable pooling with Context Gating for video classification", 2017, sections 3.2 and 3.3.
    """

    def __init__(
        self, classifier, hidden=None, gate=None, probability_gate=None, gate_probabilities_by="prob", **kwargs
    ):
        super().__init__(**kwargs)
        if gate_probabilities_by not in ("prob", "input"):
            raise ValueError(f"gate_probabilities_by must be prob or input. Received: {gate_probabilities_by=}")
        self.classifier = classifier
        self.hidden = hidden
        self.gate = gate
        self.probability_gate = probability_gate
        self.gate_probabilities_by = gate_probabilities_by

    def build(self, input_shape):
        for layer in (self.hidden, self.gate):
            if layer is not None:
                layer.build(input_shape)
                input_shape = layer.compute_output_shape(input_shape)
        self.classifier.build(input_shape)
        if self.probability_gate is not None:
            classes = self.classifier.compute_output_shape(input_shape)
            self.probability_gate.build(classes, classes if self.gate_probabilities_by == "prob" else input_shape)

    def call(self, representation, training=None):
        inputs = self.classifier_input(representation, training)
        probabilities = self.classifier(inputs)
        if self.probability_gate is None:
            return probabilities
        source = None if self.gate_probabilities_by == "prob" else ops.cast(inputs, "float32")
        return self.probability_gate(probabilities, source, training=training)

    def classifier_input(self, representation, training=None):
        """What the classifier reads: (batch, size)."""
        for layer in (self.hidden, self.gate):
            if layer is not None:
                representation = layer(representation, training=training)
        return representation

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classifier.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "classifier": serialize_part(self.classifier),
            "hidden": serialize_part(self.hidden),
            "gate": serialize_part(self.gate),
            "probability_gate": serialize_part(self.probability_gate),
            "gate_probabilities_by": self.gate_probabilities_by,
        }

    @classmethod
    def from_config(cls, config):
        parts = ("classifier", "hidden", "gate", "probability_gate")
        return cls(**{**config, **{part: revive_part(config[part]) for part in parts}})


def build_head(params, num_classes, momentum=0.999, name="head"):
    """The head of `params`.

    Args:
      params: `HeadParams`.
      num_classes: number of classes.
      momentum: decay of the batch norms' moving statistics.
      name: of the layer.

    Returns:
      A `Head`: (batch, d) -> float32 (batch, num_classes). Its L2 penalty stands in its `losses`.
    """
    return Head(
        classifier=_classifier(params, num_classes),
        hidden=_hidden(params),
        gate=_gate(params, momentum),
        probability_gate=_probability_gate(params, momentum),
        gate_probabilities_by=params.moe_prob_gating_input,
        name=name,
    )


def _classifier(params, num_classes):
    options = {"l2_penalty": params.l2_penalty, "initial_probability": params.initial_probability, "name": "classifier"}
    if params.video_level_classifier_model == "MoE":
        return MixtureOfExperts(num_classes, params.moe_num_mixtures, params.moe_low_rank_gating, **options)
    return Logistic(num_classes, **options)


def _hidden(params):
    if not params.head_hidden_units:
        return None
    return Hidden(params.head_hidden_units, batch_norm=False, activation="relu", name="hidden")


def _gate(params, momentum):
    if params.gating == "none":
        return None
    if params.gating == "squeeze_excite":
        return SqueezeExcitationGating(params.gating_reduction, momentum, name="gate")
    return ContextGating(params.gating == "batch_norm", params.gating_remove_diag, momentum, name="gate")


def _probability_gate(params, momentum):
    if not params.moe_prob_gating:
        return None
    return ContextGating(True, params.gating_remove_diag, momentum, dtype="float32", name="probability_gate")
