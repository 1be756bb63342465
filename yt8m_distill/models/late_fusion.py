"""One descriptor a feature, side by side, through one hidden layer."""

import keras
from keras import ops

from yt8m_distill.layers.hidden import Hidden
from yt8m_distill.layers.resumable_dropout import ResumableDropout
from yt8m_distill.models.parts import revive_part, serialize_part


@keras.saving.register_keras_serializable(package="yt8m_distill")
class LateFusion(keras.layers.Layer):
    """`hidden(dropout([descriptor of every feature]))`: what VLAD, Fisher vectors and bags of frames share.

    Args:
      streams: {feature name: layer}; a layer maps frames (batch, frames, size) and num_frames to a descriptor
        (batch, d). The order of the dict is the order of the descriptors.
      hidden: layer: descriptors side by side -> representation (batch, units); None where they are the representation.
      drop_rate: dropout on the descriptors.

    Call arguments:
      features: dict of name -> float (batch, frames, size).
      num_frames: int (batch,).
      training: passed on to every layer.

    Output shape:
      (batch, units). What padded frames and the order of the frames change is what they change in the streams.
    """

    def __init__(self, streams, hidden=None, drop_rate=0.0, **kwargs):
        super().__init__(**kwargs)
        self.feature_names = tuple(streams)
        for name, layer in streams.items():
            # Attributes rather than a dict: tf.train.Checkpoint does not look into a layer's dicts.
            setattr(self, f"{name}_stream", layer)
        self.hidden = hidden
        self.drop_rate = drop_rate
        self.dropout = ResumableDropout(drop_rate, dtype=self.dtype_policy)

    @property
    def streams(self):
        """{feature name: its layer}, in the order of the descriptors."""
        return {name: getattr(self, f"{name}_stream") for name in self.feature_names}

    def build(self, features_shape, num_frames_shape=None):
        for name, stream in self.streams.items():
            stream.build(features_shape[name])
        if self.hidden is not None:
            self.hidden.build((None, self._descriptor_size(features_shape)))

    def call(self, features, num_frames, training=None):
        descriptor = self.dropout(self.describe(features, num_frames, training), training=training)
        return descriptor if self.hidden is None else self.hidden(descriptor, training=training)

    def describe(self, features, num_frames, training=None):
        """The descriptors of all streams side by side: (batch, sum of their sizes)."""
        descriptors = [stream(features[name], num_frames, training=training) for name, stream in self.streams.items()]
        return ops.concatenate(descriptors, axis=-1)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        units = self._descriptor_size(features_shape) if self.hidden is None else self.hidden.units
        return (next(iter(features_shape.values()))[0], units)

    def _descriptor_size(self, features_shape):
        return sum(stream.compute_output_shape(features_shape[name])[-1] for name, stream in self.streams.items())

    def get_config(self):
        return {
            **super().get_config(),
            "streams": {name: serialize_part(stream) for name, stream in self.streams.items()},
            "hidden": serialize_part(self.hidden),
            "drop_rate": self.drop_rate,
        }

    @classmethod
    def from_config(cls, config):
        streams = {name: revive_part(layer) for name, layer in config["streams"].items()}
        return cls(**{**config, "streams": streams, "hidden": revive_part(config["hidden"])})


def hidden_after_bags(units, batch_norm, relu, params):
    """The hidden layer after descriptors of unit length, as WILLOW's models have it.

    Args:
      units: its width.
      batch_norm: whether it is batch-normalised; without ReLU it has a bias instead, as in the reference.
      relu: whether relu6 follows.
      params: the family's numbers, for `batch_norm_momentum` and the clusters of the first feature.
    """
    return Hidden(
        units,
        batch_norm=batch_norm and relu,
        activation="relu6" if relu else "none",
        momentum=params.batch_norm_momentum,
        # The descriptors have unit length, so He's weights would leave the layer's outputs near zero.
        deviation=params.clusters(0) ** -0.5,
        name="hidden",
    )
