"""What a run minimises: the loss of a batch, its parts, and the variables it is to change."""

from typing import Any, NamedTuple

from yt8m_distill.data.batches import dense_labels, model_inputs
from yt8m_distill.distillation.collaborative import collaborative_loss
from yt8m_distill.errors import InputError
from yt8m_distill.losses import LOSSES, cross_entropy
from yt8m_distill.models.classifier import build_model


class Outcome(NamedTuple):
    """What an objective makes of a batch.

    Attributes:
      loss: float32 (batch,), what is minimised; its mean over the videos of all devices is taken by the step.
      parts: {name: float32 (batch,)}, the unweighted parts of the loss.
      labels, predictions: float32 (batch, classes), for the metrics of training.
      rated: float32 (batch, classes), 1 where a class counts; None where all do.
    """

    loss: Any
    parts: dict
    labels: Any
    predictions: Any
    rated: Any


class LabelObjective:
    """The model's predictions against the labels.

    Args:
      model: VideoClassifier.
      spec: FeatureSpec of the batches.
      params: TrainingParams.

    Attributes:
      parts: names of the parts that it logs.
      source: FeatureSpec with which batches are read.
      tracked: {name: object} that a checkpoint holds besides the model and the optimizer.

    Raises:
      InputError: a loss that knows no unrated classes, at segment level.
    """

    parts = ()

    def __init__(self, model, spec, params):
        require_label_loss(params.label_loss, spec.level)
        self._model, self._label_loss = model, params.label_loss
        self.source = spec
        self.tracked = {}

    @property
    def trainable_variables(self):
        """The variables that the loss changes."""
        return self._model.trainable_variables

    def penalties(self):
        """L2 penalties of these variables, float32 scalars."""
        return self._model.losses

    def enter_epoch(self, epoch, begins, average=None):
        """Called before an epoch's batches (`begins`: before its first); True where the step is to be compiled anew.

        `average` is the model's WeightAverage, or None: it is told of weights that are replaced.
        """
        return False

    def prepare(self, dataset, seed, epoch):
        """A dataset of whole batches, ids among them, as one of what a call needs."""
        return dataset

    def __call__(self, batch):
        """The Outcome of a batch; inside of the compiled step."""
        labels, rated = dense_labels(batch, self.source)
        predictions = self._model(model_inputs(batch, self.source), training=True)["predictions"]
        return Outcome(label_loss(self._label_loss, labels, predictions, rated), {}, labels, predictions, rated)


class CollaborativeObjective(LabelObjective):
    """The loss of a mixture of branches, each of which learns from the labels and from the mixture.

    Takes what `LabelObjective` takes, and `aggregator`, its MixNeXtVLADParams.
    """

    parts = ("L_CE", "L_branches")

    def __init__(self, model, spec, params, aggregator):
        super().__init__(model, spec, params)
        self._aggregator = aggregator

    def __call__(self, batch):
        labels, rated = dense_labels(batch, self.source)
        outputs = self._model(model_inputs(batch, self.source), training=True, return_branch_logits=True)
        parts = {
            "L_CE": label_loss(self._label_loss, labels, outputs["predictions"], rated),
            "L_branches": branch_loss(self._aggregator, outputs, labels, rated),
        }
        return Outcome(sum(parts.values()), parts, labels, outputs["predictions"], rated)


def make_learner(config):
    """(model, objective) of an ordinary run: RunConfig -> VideoClassifier, LabelObjective."""
    model = build_model(config.model, config.features)
    return model, make_objective(model, config)


def make_objective(model, config):
    """The LabelObjective of a model of this RunConfig."""
    if learns_by_branches(config.model):
        return CollaborativeObjective(model, config.features, config.training, config.model.aggregator)
    return LabelObjective(model, config.features, config.training)


def learns_by_branches(config):
    """Whether a model of this ModelConfig is a mixture whose branches have a loss of their own."""
    return getattr(config.aggregator, "cl_lambda", 0) > 0


def branch_loss(aggregator, outputs, labels, rated):
    """`collaborative_loss` of what a model returned with its branches' logits, (batch,)."""
    logits = outputs["mixture_logits"], outputs["branch_logits"]
    return collaborative_loss(*logits, labels, aggregator.cl_temperature, aggregator.cl_lambda, rated)


def require_label_loss(name, level):
    """Raises InputError for a loss that knows no unrated classes, at segment level."""
    if level == "segment" and name != "CrossEntropyLoss":
        raise InputError(f"--label_loss={name}: rated segments are trained with CrossEntropyLoss alone.")


def label_loss(name, labels, predictions, rated):
    """The loss of that name against the labels, (batch,); cross entropy of the rated classes where not all are."""
    if rated is None:
        return LOSSES[name](labels, predictions)
    return cross_entropy(labels, predictions, label_weights=rated)
