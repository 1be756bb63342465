"""NeXtVLAD: one stream a feature, a hidden layer and a gate."""

import keras
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.nextvlad import NeXtVLAD
from yt8m_distill.layers.resumable_dropout import ResumableDropout
from yt8m_distill.layers.squeeze_excitation_gating import SqueezeExcitationGating


@keras.saving.register_keras_serializable(package="yt8m_distill")
class NeXtVLADAggregator(keras.layers.Layer):
    """NeXtVLAD of every feature, side by side, through `gate(batch_norm(dropout(descriptor) H))`.

    Args:
      clusters: {feature name: clusters}; its order is the order of the descriptors.
      groups: {feature name: groups}.
      expansion: factor by which a frame is widened.
      hidden_size: width of the representation.
      drop_rate: dropout on the descriptor.
      gating_reduction: the gate's bottleneck has `hidden_size // gating_reduction` units.
      momentum: decay of the batch norms' moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      features: dict of name -> float (batch, frames, size).
      num_frames: int (batch,).
      training: whether to drop out and to use the moments of this batch.

    Output shape:
      (batch, hidden_size). Padded frames and the order of the frames change nothing.

    Reference:
      Lin et al., "NeXtVLAD", ECCV-W 2018, figure 4; linrongc/youtube-8m, nextvlad.NeXtVLADModel. Unlike the reference
      the batch norm over frames leaves padding out, and the mask knows any number of frames.
    """

    def __init__(
        self,
        clusters,
        groups,
        expansion=2,
        hidden_size=1024,
        drop_rate=0.5,
        gating_reduction=8,
        momentum=0.999,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.clusters = dict(clusters)
        self.groups = dict(groups)
        self.expansion = expansion
        self.hidden_size = hidden_size
        self.drop_rate = drop_rate
        self.gating_reduction = gating_reduction
        self.momentum = momentum
        policy = self.dtype_policy
        for name in clusters:
            # Attributes rather than a dict: tf.train.Checkpoint does not look into a layer's dicts.
            stream = NeXtVLAD(clusters[name], groups[name], expansion, momentum, dtype=policy, name=f"{name}_vlad")
            setattr(self, stream.name, stream)
        self.dropout = ResumableDropout(drop_rate, dtype=policy)
        self.hidden = keras.layers.Dense(
            hidden_size, use_bias=False, kernel_initializer="he_normal", dtype=policy, name="hidden"
        )
        self.hidden_bn = BatchNormalization(momentum, dtype=policy, name="hidden_bn")
        self.gating = SqueezeExcitationGating(gating_reduction, momentum, dtype=policy, name="gating")

    @property
    def streams(self):
        """{feature name: its NeXtVLAD layer}, in the order of the descriptors."""
        return {name: getattr(self, f"{name}_vlad") for name in self.clusters}

    def build(self, features_shape, num_frames_shape=None):
        for name, stream in self.streams.items():
            stream.build(features_shape[name])
        sizes = [stream.compute_output_shape(features_shape[name])[-1] for name, stream in self.streams.items()]
        self.hidden.build((None, sum(sizes)))
        self.hidden_bn.build((None, self.hidden_size))
        self.gating.build((None, self.hidden_size))

    def call(self, features, num_frames, training=None):
        descriptor = self.dropout(self.describe(features, num_frames, training), training=training)
        hidden = self.hidden_bn(self.hidden(descriptor), training=training)
        return self.gating(hidden, training=training)

    def describe(self, features, num_frames, training=None):
        """The descriptors of all streams side by side: (batch, sum of expansion * size / groups * clusters)."""
        vlads = [stream(features[name], num_frames, training=training) for name, stream in self.streams.items()]
        return ops.concatenate(vlads, axis=-1)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        return (next(iter(features_shape.values()))[0], self.hidden_size)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "groups": self.groups,
            "expansion": self.expansion,
            "hidden_size": self.hidden_size,
            "drop_rate": self.drop_rate,
            "gating_reduction": self.gating_reduction,
            "momentum": self.momentum,
        }


def build_aggregator(params, spec):
    """The aggregator of `NeXtVLADParams` for the features of `spec`.

    Raises:
      InputError: the groups do not divide a widened feature.
    """
    groups = {name: params.stream_groups(index) for index, name in enumerate(spec.names)}
    for name, size in spec.size_by_name.items():
        if params.expansion * size % groups[name]:
            raise InputError(
                f"{name} has {size} values, times --expansion={params.expansion} = {params.expansion * size}, which "
                f"its {groups[name]} groups (--groups={params.groups}) do not divide: choose --groups that divides it."
            )
    return NeXtVLADAggregator(
        clusters={name: params.clusters(index) for index, name in enumerate(spec.names)},
        groups=groups,
        expansion=params.expansion,
        hidden_size=params.nextvlad_hidden_size,
        drop_rate=params.drop_rate,
        gating_reduction=params.gating_reduction,
        momentum=params.batch_norm_momentum,
        name="aggregator",
    )
