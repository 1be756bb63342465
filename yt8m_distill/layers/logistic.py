"""Independent logistic regression of every class."""

import math

import keras
from keras import ops


def initial_logit(probability):
    """Initializer of a bias whose sigmoid is `probability`, which must be between 0 and 1."""
    return keras.initializers.Constant(math.log(probability / (1 - probability)))


@keras.saving.register_keras_serializable(package="yt8m_distill")
class Logistic(keras.layers.Layer):
    """`p = sigmoid(x W + b)`.

    Args:
      num_classes: number of classes.
      l2_penalty: adds `l2_penalty * sum(W^2) / 2`, without the bias, to the losses.
      initial_probability: sigmoid of the bias before training.

    Call arguments:
      inputs: float (batch, size).

    Output shape:
      float32 (batch, num_classes), under every dtype policy.

    Reference:
      google/youtube-8m, video_level_models.LogisticModel.
    """

    def __init__(self, num_classes, l2_penalty=1e-8, initial_probability=0.5, **kwargs):
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1. Received: {num_classes=}")
        self.num_classes = num_classes
        self.l2_penalty = l2_penalty
        self.initial_probability = initial_probability

    def build(self, input_shape):
        regularizer = keras.regularizers.L2(self.l2_penalty / 2)
        self.logits = keras.layers.Dense(
            self.num_classes,
            kernel_regularizer=regularizer,
            bias_initializer=initial_logit(self.initial_probability),
            dtype=self.dtype_policy,
            name="logits",
        )
        self.logits.build(input_shape)

    def call(self, inputs):
        return ops.sigmoid(ops.cast(self.logits(inputs), "float32"))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "l2_penalty": self.l2_penalty,
            "initial_probability": self.initial_probability,
        }
