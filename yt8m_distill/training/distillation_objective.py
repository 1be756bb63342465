"""A student's loss: the labels, its teachers' predictions, representation and states."""

import keras
import tensorflow as tf

from yt8m_distill.data.batches import dense_labels, drawing_specs, positions_key, view, with_random_positions
from yt8m_distill.data.sampled_positions import sampled_positions
from yt8m_distill.distillation.intermediate import intermediate_loss
from yt8m_distill.distillation.losses import categorical_cross_entropy, prediction_loss, representation_loss
from yt8m_distill.distillation.mixture import soften
from yt8m_distill.distillation.targets import StoredTargets
from yt8m_distill.spec import union
from yt8m_distill.training.objective import Outcome, branch_loss, label_loss, learns_by_branches
from yt8m_distill.training.stored_targets import joined
from yt8m_distill.training.student_checks import require_fitting


class DistillationObjective:
    """The weighted sum of L_CE, L_pred, L_rep and intermediate L_rep; a joint teacher's own L_CE besides.

    Gradients reach the student (and the projections of its representation), and a joint teacher through its own L_CE
    alone; a classifier shared with it gets both. The branches of a MixNeXtVLAD learn as in an ordinary run.

    Args:
      model: the student, a VideoClassifier.
      config: its RunConfig.
      targets: FrozenTeachers, JointTeacher or StoredTargets.
      givers: the teachers whose classifier the student may take.

    Attributes: as those of `LabelObjective`.

    Raises:
      InputError: models that do not go together.
    """

    def __init__(self, model, config, targets, givers):
        self._model, self._spec, self._targets = model, config.features, targets
        self._params, self._label_loss = config.distillation.params, config.training.label_loss
        self.source = union([config.features, *targets.specs])
        self.teacher = givers[0] if self._params.parallel else None
        require_fitting(model, config, targets, givers)
        self._branches = config.model.aggregator if learns_by_branches(config.model) else None
        self._giver = givers[0] if self._params.student_head == "copied" else None
        self._stage = None
        self._projections = self._make_projections()
        self.parts = self._part_names()
        projections = {f"projection_{index}": layer for index, layer in enumerate(self._projections) if layer}
        self.tracked = projections | ({"teacher": self.teacher} if self.teacher else {})
        if self._giver is not None:
            self._plug_in_classifier()

    @property
    def store(self):
        """The SoftLabels that are read instead of running teachers, or None."""
        return self._targets.store if isinstance(self._targets, StoredTargets) else None

    @property
    def trainable_variables(self):
        """Variables of the student, of the projections, and of a teacher that learns along."""
        models = [self._model, *filter(None, self._projections), *([self.teacher] if self.teacher else [])]
        variables = {id(variable): variable for model in models for variable in model.trainable_variables}
        return list(variables.values())

    def penalties(self):
        """L2 penalties of the student and of a teacher that learns along; those of a shared classifier once."""
        if self.teacher is None:
            return self._model.losses
        shared = self.teacher.head is self._model.head
        parts = [self.teacher.front_end, self.teacher.aggregator, *([] if shared else [self.teacher.head])]
        return [*self._model.losses, *(loss for part in parts for loss in part.losses)]

    def enter_epoch(self, epoch, begins, average=None):
        """True where L_rep alone begins or ends; then the teacher's classifier is plugged in, if it is to be copied.

        The classifier's average starts anew with that: of what was there before, nothing was learnt.
        """
        first = epoch < self._params.representation_epochs
        changed, self._stage = first != self._stage, first
        if begins and not first and epoch == self._params.representation_epochs > 0 and self._giver is not None:
            self._plug_in_classifier()
            if average:
                average.restart(self._model, self._model.head)
        return changed

    def prepare(self, dataset, seed, epoch):
        """A dataset of whole batches, joined to stored predictions, with the positions of randomly sampled frames."""
        if self.store is not None:
            return joined(dataset, self.store)
        for spec in drawing_specs([self._spec, *self._targets.specs], self.source):
            dataset = dataset.map(lambda batch, spec=spec: with_random_positions(batch, spec, seed, epoch))
        return dataset

    def __call__(self, batch):
        """The Outcome of a batch; inside of the compiled step."""
        labels, rated = dense_labels(batch, self.source)
        target = self._targets(batch, self.source)
        inputs = view(batch, self._spec, self.source)
        outputs = self._model(inputs, training=True, **self._asked())
        parts = {"L_CE": self._label_distance(labels, outputs["predictions"], rated)}
        parts |= self._distances(batch, inputs, outputs, target)
        if self._branches:
            parts["L_branches"] = branch_loss(self._branches, outputs, labels, rated)
        loss = sum(weight * parts[name] for name, weight in self._weights().items())
        if target.predicted is not None:
            parts["teacher_L_CE"] = self._label_distance(labels, target.predicted, rated)
            loss = loss + parts["teacher_L_CE"]
        return Outcome(loss, parts, labels, outputs["predictions"], rated)

    def _label_distance(self, labels, predictions, rated):
        """The label loss; of the softmax of the logits where a video has one label (Wu et al. 2019, equation 8)."""
        if self._params.teacher_output == "sigmoid":
            return label_loss(self._label_loss, labels, predictions, rated)
        share = labels / tf.maximum(tf.reduce_sum(labels, axis=-1, keepdims=True), 1.0)
        return categorical_cross_entropy(share, soften(predictions, output="softmax"))

    def _asked(self):
        """What the student is to return besides its predictions and its representation."""
        asked = {"return_states": self._params.intermediate_weight, "return_branch_logits": self._branches}
        return {name: True for name, needed in asked.items() if needed}

    def _weights(self):
        """{part: weight} in the loss of this epoch."""
        params = self._params
        ended = params.representation_epochs and not params.representation_weight
        weights = {
            "L_CE": params.ground_truth_weight,
            "L_pred": params.teacher_prediction_weight,
            "L_rep": params.representation_weight,
            "L_rep_intermediate": 0.0 if ended else params.intermediate_weight,
            "L_branches": float(self._branches is not None),
        }
        if self._stage:
            weights = {"L_rep": params.representation_weight or 1.0, "L_rep_intermediate": params.intermediate_weight}
        return {name: weight for name, weight in weights.items() if weight}

    def _part_names(self):
        names = dict.fromkeys(["L_CE", *self._weights()])
        if self._params.representation_epochs:
            names["L_rep"] = None
        if self._params.intermediate_weight:
            names["L_rep_intermediate"] = None
        if self.teacher:
            names["teacher_L_CE"] = None
        if isinstance(self._targets, StoredTargets):
            names["teacher_known"] = None
        return tuple(names)

    def _distances(self, batch, inputs, outputs, target):
        params, parts = self._params, {}
        if "L_pred" in self.parts:
            softened = soften(outputs["predictions"], params.temperature, params.teacher_output)
            distance = prediction_loss(target.predictions, softened, params.prediction_distance, params.teacher_output)
            parts["L_pred"] = params.temperature**2 * distance
        if "L_rep" in self.parts:
            parts["L_rep"] = self._representation_distance(outputs["representation"], target.representations)
        if "L_rep_intermediate" in self.parts:
            parts["L_rep_intermediate"] = self._intermediate_distance(batch, inputs, outputs, target)
        if target.known is not None:
            parts = {name: target.known * value for name, value in parts.items()} | {"teacher_known": target.known}
        return parts

    def _representation_distance(self, student, teachers):
        """L_rep from every teacher, weighted by mu."""
        weights = self._targets.weights
        distances = [
            weight * representation_loss(teacher, projection(student) if projection else student)
            for weight, teacher, projection in zip(weights, teachers, self._projections, strict=True)
        ]
        return sum(distances) / sum(weights)

    def _intermediate_distance(self, batch, inputs, outputs, target):
        return intermediate_loss(
            target.states,
            target.frames_read,
            outputs["states"],
            outputs["frames_read"],
            self._positions(batch, inputs),
            inputs["num_frames"],
        )

    def _positions(self, batch, inputs):
        """int32 (batch, k): which of the frames that the teacher may see the student is given, -1 behind them."""
        if self._spec.sampling == self.source.sampling or not self._spec.sampled_frames:
            inside = tf.sequence_mask(inputs["num_frames"], dtype=tf.int32)
            return tf.cumsum(inside, axis=1) * inside - 1
        drawn = batch.get(positions_key(self._spec))
        return sampled_positions(batch["num_frames"], self._spec) if drawn is None else drawn

    def _plug_in_classifier(self):
        """Gives the student the teacher's classifier as it is now."""
        self._model.head.set_weights(self._giver.head.get_weights())

    def _make_projections(self):
        """One linear map a teacher from the student's representation to its size; None where the sizes agree."""
        if not (self._params.representation_weight or self._params.representation_epochs):
            return []
        sizes = self._targets.representation_sizes
        if not self._params.project_representation:
            return [None] * len(sizes)
        return [_projection(self._model.representation_size, size) for size in sizes]


def _projection(size, target_size):
    layer = keras.layers.Dense(target_size, name="projection")
    layer.build((None, size))
    return layer
