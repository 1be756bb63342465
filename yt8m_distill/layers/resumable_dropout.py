"""Dropout that a checkpoint can resume."""

import keras


@keras.saving.register_keras_serializable(package="yt8m_distill")
class ResumableDropout(keras.layers.Dropout):
    """`keras.layers.Dropout` whose random state goes into TensorFlow checkpoints.

    `tf.train.Checkpoint(model=...)` follows attributes, and a Keras seed generator is not one it can follow. With the
    state as an attribute a resumed run draws the masks that the run never stopped would draw.

    Args:
      rate: share of the values that is set to zero in training; the others are scaled up by 1 / (1 - rate).

    Call arguments:
      inputs: float tensor of any shape.
      training: whether to drop anything.

    Output shape:
      As the input.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(rate, **kwargs)
        if rate > 0 and keras.backend.backend() == "tensorflow":
            # The variable below Keras's own: it is no weight, so it stays out of weights and parameter counts.
            self.seed_state = self.seed_generator.state.value
