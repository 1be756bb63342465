"""The exponential moving average of a model's weights, kept beside it while it is trained."""

import contextlib

import tensorflow as tf

from yt8m_distill.run_config import averaged_weights


class WeightAverage(tf.Module):
    """`shadow += (1 - decay) * (weight - shadow)` after every step, for each floating-point weight of a model.

    Batch norm's moving statistics are averaged like the trained weights, and so are its counts of updates, which then
    lag as far behind as the statistics do: the average can be evaluated and trained on. Whole numbers and the states
    of random generators have no mean and are left out. Keras's own `use_ema` averages trained weights alone.

    With `warm_up`, update n (from 0) has the decay `min(decay, (1 + n) / (10 + n))`, as
    tf.train.ExponentialMovingAverage has with `num_updates`, so that random first weights are soon forgotten.

    Args:
      model: VideoClassifier; the average starts as its weights, in float32 and with one copy for all devices.
      decay: of one step, between 0 and 1.
      warm_up: for a model that starts from random weights.

    Attributes:
      shadows: {name: tf.Variable}, names as in `run_config.averaged_weights`.
      updates: how many there have been.

    Reference:
      Skalic and Austin, ECCV-W 2018, section 4.1.
    """

    def __init__(self, model, decay, warm_up=True):
        super().__init__()
        self._rate, self._warm_up = 1.0 - decay, warm_up
        self.shadows = {
            name: tf.Variable(weight.value, trainable=False, dtype=tf.float32)
            for name, weight in averaged_weights(model).items()
        }
        self.updates = tf.Variable(0, trainable=False, dtype=tf.int64)

    def update(self, model):
        """Moves the average towards the model's weights; inside of the compiled step."""
        rate = tf.constant(self._rate, tf.float32)
        if self._warm_up:
            rate = tf.maximum(rate, 9.0 / (10.0 + tf.cast(self.updates, tf.float32)))
        for name, weight in averaged_weights(model).items():
            shadow = self.shadows[name]
            # One pass over the shadow and the difference, where multiplying and adding would take two.
            tf.raw_ops.ResourceApplyGradientDescent(var=shadow.handle, alpha=rate, delta=shadow - weight.value)
        self.updates.assign_add(1)

    def restart(self, model, layer):
        """Starts the average of one layer of the model anew, whose weights were replaced rather than trained."""
        replaced = {id(weight) for weight in layer.weights}
        for name, weight in averaged_weights(model).items():
            if id(weight) in replaced:
                self.shadows[name].assign(weight.value)

    @contextlib.contextmanager
    def placed_in(self, model):
        """A context in which the model's weights are the average; they are put back, bit for bit."""
        weights = averaged_weights(model)
        trained = {name: weight.numpy() for name, weight in weights.items()}
        try:
            for name, weight in weights.items():
                weight.assign(self.shadows[name])
            yield
        finally:
            for name, weight in weights.items():
                weight.assign(trained[name])
