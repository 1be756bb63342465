"""Aggregators of video-level features: nothing, or a hidden layer."""

import keras
from keras import ops

from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.resumable_dropout import ResumableDropout


@keras.saving.register_keras_serializable(package="yt8m_distill")
class VideoMeans(keras.layers.Layer):
    """The features side by side.

    Call arguments:
      features: dict of name -> float (batch, size).

    Output shape:
      (batch, sum of the sizes).
    """

    def call(self, features):
        return ops.concatenate(list(features.values()), axis=-1)

    def compute_output_shape(self, features_shape):
        shapes = list(features_shape.values())
        return (shapes[0][0], sum(shape[-1] for shape in shapes))


@keras.saving.register_keras_serializable(package="yt8m_distill")
class HiddenLayer(keras.layers.Layer):
    """`dropout(batch_norm(relu(dropout(x) W + b)))` of the features side by side; the batch norm is optional.

    Args:
      num_hidden_units: width of the layer.
      hidden_dropout: dropout on what leaves the layer.
      hidden_batch_norm: whether there is a batch norm.
      input_dropout: dropout on the features.
      momentum: decay of the batch norm's moving statistics (epsilon is 0.001).

    Call arguments:
      features: dict of name -> float (batch, size).
      training: whether to drop out and to use the moments of this batch.

    Output shape:
      (batch, num_hidden_units).
    """

    def __init__(
        self,
        num_hidden_units=2048,
        hidden_dropout=0.6,
        hidden_batch_norm=False,
        input_dropout=0.0,
        momentum=0.999,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_hidden_units = num_hidden_units
        self.hidden_dropout = hidden_dropout
        self.hidden_batch_norm = hidden_batch_norm
        self.input_dropout = input_dropout
        self.momentum = momentum
        policy = self.dtype_policy
        self.drop_inputs = ResumableDropout(input_dropout, dtype=policy)
        self.hidden = keras.layers.Dense(num_hidden_units, dtype=policy, name="hidden")
        self.hidden_bn = BatchNormalization(momentum, dtype=policy, name="hidden_bn") if hidden_batch_norm else None
        self.drop_hidden = ResumableDropout(hidden_dropout, dtype=policy)

    def build(self, features_shape):
        self.hidden.build((None, sum(shape[-1] for shape in features_shape.values())))
        if self.hidden_bn:
            self.hidden_bn.build((None, self.num_hidden_units))

    def call(self, features, training=None):
        inputs = ops.concatenate(list(features.values()), axis=-1)
        hidden = self.hidden(self.drop_inputs(inputs, training=training))
        hidden = ops.relu(hidden)
        if self.hidden_bn:
            hidden = self.hidden_bn(hidden, training=training)
        return self.drop_hidden(hidden, training=training)

    def compute_output_shape(self, features_shape):
        return (next(iter(features_shape.values()))[0], self.num_hidden_units)

    def get_config(self):
        return {
            **super().get_config(),
            "num_hidden_units": self.num_hidden_units,
            "hidden_dropout": self.hidden_dropout,
            "hidden_batch_norm": self.hidden_batch_norm,
            "input_dropout": self.input_dropout,
            "momentum": self.momentum,
        }


def build_video_means(params, spec):
    """The aggregator of `VideoMeansParams`; neither argument adds anything to it."""
    return VideoMeans(name="aggregator")


def build_hidden_layer(params, spec):
    """The aggregator of `HiddenLayerParams`; `spec` adds nothing to it."""
    return HiddenLayer(
        num_hidden_units=params.num_hidden_units,
        hidden_dropout=params.hidden_dropout,
        hidden_batch_norm=params.hidden_batch_norm,
        input_dropout=params.input_dropout,
        momentum=params.batch_norm_momentum,
        name="aggregator",
    )
