"""Bags of frames: DBoF over all features side by side, SoftDBoF and GatedDBoF with one bag a feature."""

import keras
from keras import ops

from yt8m_distill.layers.dbof import DBoF
from yt8m_distill.layers.gated_dbof import GatedDBoF
from yt8m_distill.layers.hidden import Hidden
from yt8m_distill.layers.soft_dbof import SoftDBoF
from yt8m_distill.models.late_fusion import LateFusion, hidden_after_bags
from yt8m_distill.models.parts import revive_part, serialize_part


@keras.saving.register_keras_serializable(package="yt8m_distill")
class EarlyFusion(keras.layers.Layer):
    """`hidden(bag(frames))`, a frame being all features of one second side by side.

    Args:
      bag: `DBoF`.
      hidden: layer: pooled frames -> representation.

    Call arguments:
      features: dict of name -> float (batch, frames, size).
      num_frames: int (batch,).
      training: passed on to both layers.

    Output shape:
      (batch, units of `hidden`). Padded frames and the order of the frames change nothing.

    Reference:
      google/youtube-8m, frame_level_models.DbofModel, which draws its frames in evaluation too.
    """

    def __init__(self, bag, hidden, **kwargs):
        super().__init__(**kwargs)
        self.bag = bag
        self.hidden = hidden

    def build(self, features_shape, num_frames_shape=None):
        self.bag.build((None, None, sum(shape[-1] for shape in features_shape.values())))
        self.hidden.build((None, self.bag.clusters))

    def call(self, features, num_frames, training=None):
        return self.hidden(self.describe(features, num_frames, training), training=training)

    def describe(self, features, num_frames, training=None):
        """The pooled frames: (batch, clusters)."""
        frames = ops.concatenate(list(features.values()), axis=-1)
        return self.bag(frames, num_frames, training=training)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        return (next(iter(features_shape.values()))[0], self.hidden.units)

    def get_config(self):
        return {**super().get_config(), "bag": serialize_part(self.bag), "hidden": serialize_part(self.hidden)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, **{part: revive_part(config[part]) for part in ("bag", "hidden")}})


def build_dbof(params, spec):
    """The aggregator of `DBoFParams`; `spec` adds nothing to it."""
    momentum, activation = params.batch_norm_momentum, params.dbof_activation
    batch_norm = params.dbof_add_batch_norm
    bag = DBoF(params.dbof_cluster_size, params.dbof_pooling_method, activation, batch_norm, momentum, name="bag")
    return EarlyFusion(
        bag, Hidden(params.dbof_hidden_size, batch_norm, activation, momentum, name="hidden"), name="aggregator"
    )


def build_soft_dbof(params, spec):
    """The aggregator of `SoftDBoFParams` for the features of `spec`."""
    streams = {
        feature: SoftDBoF(
            params.clusters(index),
            params.softdbof_maxpool,
            params.dbof_add_batch_norm,
            params.batch_norm_momentum,
            name=f"{feature}_dbof",
        )
        for index, feature in enumerate(spec.names)
    }
    return LateFusion(streams, _hidden(params), name="aggregator")


def build_gated_dbof(params, spec):
    """The aggregator of `GatedDBoFParams` for the features of `spec`."""
    options = {"batch_norm": params.dbof_add_batch_norm, "momentum": params.batch_norm_momentum}
    streams = {
        feature: (SoftDBoF if index else GatedDBoF)(params.clusters(index), name=f"{feature}_dbof", **options)
        for index, feature in enumerate(spec.names)
    }
    return LateFusion(streams, _hidden(params), name="aggregator")


def _hidden(params):
    if not params.fc_dimred:
        return None
    return hidden_after_bags(params.dbof_hidden_size, params.dbof_add_batch_norm, params.dbof_relu, params)
