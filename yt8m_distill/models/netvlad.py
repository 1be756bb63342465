"""NetVLAD, LightVLAD and NetVLAGD: one stream a feature and a hidden layer; context gating is part of the head."""

from yt8m_distill.layers.hidden import Hidden
from yt8m_distill.layers.light_vlad import LightVLAD
from yt8m_distill.layers.netvlad import NetVLAD
from yt8m_distill.layers.netvlagd import NetVLAGD
from yt8m_distill.models.late_fusion import LateFusion


def build_aggregator(params, spec):
    """The aggregator of `NetVLADParams` for the features of `spec`.

    Padded frames and the order of the frames change nothing.

    Reference:
      Miech et al., "Learnable pooling with Context Gating for video classification", 2017;
      antoine77340/Youtube-8M-WILLOW, frame_level_models.NetVLADModelLF, which counts padded frames.
    """
    momentum = params.batch_norm_momentum
    layer = {"lightvlad": LightVLAD, "vlagd": NetVLAGD, "netvlad": NetVLAD}[params.kind]
    streams = {
        feature: layer(params.clusters(index), params.netvlad_add_batch_norm, momentum, name=f"{feature}_vlad")
        for index, feature in enumerate(spec.names)
    }
    hidden = hidden_layer(params.netvlad_hidden_size, params.netvlad_add_batch_norm, params.netvlad_relu, params)
    return LateFusion(streams, hidden, params.drop_rate, name="aggregator")


def hidden_layer(units, batch_norm, relu, params):
    """The layer after VLAD or Fisher vectors: without ReLU the reference has a bias in place of the batch norm, too."""
    return Hidden(
        units,
        batch_norm=batch_norm and relu,
        activation="relu6" if relu else "none",
        momentum=params.batch_norm_momentum,
        # The descriptors have unit length, so He's weights would leave the layer's outputs near zero.
        deviation=params.clusters(0) ** -0.5,
        name="hidden",
    )
