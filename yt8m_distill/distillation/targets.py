"""What a student is to be like: three roads to the same Target.

Frozen teachers run beside the student, a joint teacher learns along with it, and stored predictions are read.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from yt8m_distill.data.batches import view
from yt8m_distill.distillation.mixture import mixture
from yt8m_distill.distillation.soft_labels import dense_scores
from yt8m_distill.errors import InputError


class Target(NamedTuple):
    """What the teachers say of a batch; no gradient passes through it.

    Attributes:
      predictions: float32 (batch, classes), softened and mixed.
      representations: (batch, d) of each teacher that gives one.
      states, frames_read: (batch, S, d) and int32 (S,) of a single teacher, where they were asked for.
      known: float32 (batch,), 0 for videos of which the teachers say nothing; None where there are none.
      predicted: float32 (batch, classes), what a teacher that learns along predicts, gradient included.
    """

    predictions: Any
    representations: list
    states: Any = None
    frames_read: Any = None
    known: Any = None
    predicted: Any = None


class FrozenTeachers:
    """Trained models in evaluation mode. They are made untrainable.

    Args:
      models: VideoClassifiers.
      specs: FeatureSpec of each.
      weights: mu of each.
      params: DistillationParams.
    """

    def __init__(self, models, specs, weights, params):
        self.models, self.specs, self.weights, self._params = models, specs, weights, params
        self.representation_sizes = [model.representation_size for model in models]
        for model in models:
            model.trainable = False

    def __call__(self, batch, source):
        """The Target of a batch that was read with the FeatureSpec `source`."""
        options = {"return_states": True} if self._params.intermediate_weight else {}
        outputs = [
            model(view(batch, spec, source), training=False, **options)
            for model, spec in zip(self.models, self.specs, strict=True)
        ]
        predictions = [output["predictions"] for output in outputs]
        return Target(
            tf.stop_gradient(mixture(predictions, self.weights, self._params.temperature, self._params.teacher_output)),
            [tf.stop_gradient(output["representation"]) for output in outputs],
            *_states(outputs[0]),
        )


class JointTeacher:
    """A model that is trained on the labels while its student learns from it.

    Args:
      model: VideoClassifier.
      spec: its FeatureSpec.
      params: DistillationParams.
    """

    def __init__(self, model, spec, params):
        self.models, self.specs, self.weights, self._params = [model], [spec], [1.0], params
        self.representation_sizes = [model.representation_size]

    def __call__(self, batch, source):
        """The Target of a batch that was read with the FeatureSpec `source`."""
        options = {"return_states": True} if self._params.intermediate_weight else {}
        output = self.models[0](view(batch, self.specs[0], source), training=True, **options)
        softened = mixture([output["predictions"]], [1], self._params.temperature, self._params.teacher_output)
        return Target(
            tf.stop_gradient(softened),
            [tf.stop_gradient(output["representation"])],
            *_states(output),
            predicted=output["predictions"],
        )


class StoredTargets:
    """Predictions, and representations if the store has them, that were joined to the batch by video id.

    Args:
      store: SoftLabels.
      params: DistillationParams.

    Raises:
      InputError: the store was made at another temperature or for other outputs, or lacks what a loss needs.
    """

    models, specs, weights = (), (), (1.0,)

    def __init__(self, store, params):
        settings = store.settings
        for name, there in (("temperature", settings.temperature), ("teacher_output", settings.output)):
            if getattr(params, name) != there:
                raise InputError(
                    f"the soft labels were stored with --{name}={there} and the student asks for "
                    f"--{name}={getattr(params, name)}: give the same, or store them again."
                )
        if params.intermediate_weight:
            raise InputError("--intermediate_weight needs the teacher itself: soft labels hold no intermediate states.")
        if (params.representation_weight or params.representation_epochs) and not settings.representation_size:
            raise InputError(
                "the soft labels hold no representations, which L_rep needs: give --representation_weight=0, or store "
                "them with --representation."
            )
        self.store = store
        self.representation_sizes = [settings.representation_size] if settings.representation_size else []

    def __call__(self, batch, source):
        """The Target of a batch that the store was joined to."""
        parts = (batch[f"teacher_{name}"] for name in ("classes", "scores", "rest"))
        predictions = dense_scores(*parts, self.store.settings.num_classes)
        stored = [batch["teacher_representation"]] if self.representation_sizes else []
        return Target(predictions, stored, known=batch["teacher_known"])


def _states(output):
    if "states" not in output:
        return None, None
    return tf.stop_gradient(output["states"]), output["frames_read"]
