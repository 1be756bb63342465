"""Mixture of logistic experts, one mixture a class."""

import keras
from keras import ops

from yt8m_distill.layers.logistic import initial_logit


@keras.saving.register_keras_serializable(package="yt8m_distill")
class MixtureOfExperts(keras.layers.Layer):
    """Probability of each class as a gated mean of logistic experts.

    `p[v] = sum_{m < mixtures} softmax(x G)[v, m] * sigmoid(x E + b)[v, m]`. The softmax runs over `mixtures + 1` gates
    a class: the last one belongs to a dummy expert that says "absent". Columns are class-major: gate m of class v is
    column `v * (mixtures + 1) + m` of G. With `low_rank` r, G is the product of a (size, r) and an (r, columns) matrix.

    Args:
      num_classes: number of classes.
      num_mixtures: experts a class, the dummy not counted.
      low_rank: rank of the gates' matrix; -1 for a full one.
      l2_penalty: adds `l2_penalty * sum(w^2) / 2` of G and E, without the biases, to the losses.
      initial_probability: sigmoid of the experts' biases before training.

    Call arguments:
      inputs: float (batch, size).

    Output shape:
      float32 (batch, num_classes), under every dtype policy.

    Reference:
      Jordan and Jacobs, "Hierarchical Mixtures of Experts and the EM Algorithm", 1994; google/youtube-8m and
      antoine77340/Youtube-8M-WILLOW (`moe_low_rank_gating`), video_level_models.MoeModel.
    """

    def __init__(self, num_classes, num_mixtures=2, low_rank=-1, l2_penalty=1e-8, initial_probability=0.5, **kwargs):
        super().__init__(**kwargs)
        if min(num_classes, num_mixtures) < 1:
            raise ValueError(f"Both must be at least 1. Received: {num_classes=}, {num_mixtures=}")
        self.num_classes = num_classes
        if low_rank < 1 and low_rank != -1:
            raise ValueError(f"low_rank must be at least 1, or -1 for a full matrix. Received: {low_rank=}")
        self.num_mixtures = num_mixtures
        self.low_rank = low_rank
        self.l2_penalty = l2_penalty
        self.initial_probability = initial_probability

    def build(self, input_shape):
        options = {"kernel_regularizer": keras.regularizers.L2(self.l2_penalty / 2), "dtype": self.dtype_policy}
        gates_shape = input_shape
        if self.low_rank > 0:
            self.reduce = keras.layers.Dense(self.low_rank, use_bias=False, name="reduce", **options)
            self.reduce.build(input_shape)
            gates_shape = (input_shape[0], self.low_rank)
        columns = self.num_classes * (self.num_mixtures + 1)
        self.gates = keras.layers.Dense(columns, use_bias=False, name="gates", **options)
        self.gates.build(gates_shape)
        self.experts = keras.layers.Dense(
            self.num_classes * self.num_mixtures,
            bias_initializer=initial_logit(self.initial_probability),
            name="experts",
            **options,
        )
        self.experts.build(input_shape)

    def call(self, inputs):
        gates = self.gates(self.reduce(inputs) if self.low_rank > 0 else inputs)
        gates = ops.reshape(ops.cast(gates, "float32"), (-1, self.num_classes, self.num_mixtures + 1))
        experts = ops.reshape(ops.cast(self.experts(inputs), "float32"), (-1, self.num_classes, self.num_mixtures))
        return ops.sum(ops.softmax(gates, axis=-1)[:, :, :-1] * ops.sigmoid(experts), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "num_mixtures": self.num_mixtures,
            "low_rank": self.low_rank,
            "l2_penalty": self.l2_penalty,
            "initial_probability": self.initial_probability,
        }
