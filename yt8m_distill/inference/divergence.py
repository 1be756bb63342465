"""How far a model's predictions move when some of its weights are replaced."""

import numpy as np
import tensorflow as tf

from yt8m_distill.data.batches import input_signature, model_inputs
from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.distillation.losses import bernoulli_divergence
from yt8m_distill.errors import InputError
from yt8m_distill.stored_weights import named_weights


class PredictionDivergence:
    """Mean over videos of the Bernoulli divergence from the predictions of the weights that a model has now.

    Args:
      model: VideoClassifier.
      spec: its FeatureSpec.
      shards: TFRecord files; labels are not read.
      examples: videos (or segments) taken, the first ones in order; they stay in memory.
      **reading: fields of `ReadOptions`.

    Attributes:
      examples: how many there were.

    Raises:
      InputError: a record cannot be read, or there is none.
    """

    def __init__(self, model, spec, shards, examples=1000, **reading):
        self._weights = named_weights(model)

        @tf.function(input_signature=[input_signature(spec)])
        def predict(inputs):
            return model(inputs, training=False)["predictions"]

        self._predict = predict
        self._inputs = list(_first(shards, spec, examples, ReadOptions(**reading)))
        if not self._inputs:
            raise InputError(f"{shards[0]} and {len(shards) - 1} more hold no video to compare predictions on.")
        self.examples = sum(len(next(iter(inputs.values()))) for inputs in self._inputs)
        self._expected = [predict(inputs) for inputs in self._inputs]

    def __call__(self, values):
        """The divergence, in nats a video, with the weights of {name: array} replaced; they are put back."""
        before = {name: np.array(self._weights[name].value) for name in values}
        try:
            self.assign(values)
            pairs = zip(self._expected, self._inputs, strict=True)
            videos = [bernoulli_divergence(expected, self._predict(inputs)).numpy() for expected, inputs in pairs]
        finally:
            self.assign(before)
        return float(np.concatenate(videos).mean(dtype=np.float64))

    def assign(self, values):
        """Gives the model the weights of {name: array}."""
        for name, array in values.items():
            self._weights[name].assign(array)


def _first(shards, spec, examples, options):
    """Model inputs of the first examples, batch by batch."""
    for batch in checked(read_batches(shards, spec, options, labelled=False), shards, spec, labelled=False):
        inputs = model_inputs(batch, spec)
        size = len(batch["id"])
        yield {key: value[:examples] for key, value in inputs.items()} if size > examples else inputs
        examples -= size
        if examples <= 0:
            return
