"""NetVLAD, LightVLAD and NetVLAGD: one stream a feature and a hidden layer; context gating is part of the head."""

from yt8m_distill.layers.light_vlad import LightVLAD
from yt8m_distill.layers.netvlad import NetVLAD
from yt8m_distill.layers.netvlagd import NetVLAGD
from yt8m_distill.models.late_fusion import LateFusion, hidden_after_bags


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
    hidden = hidden_after_bags(params.netvlad_hidden_size, params.netvlad_add_batch_norm, params.netvlad_relu, params)
    return LateFusion(streams, hidden, params.drop_rate, name="aggregator")
