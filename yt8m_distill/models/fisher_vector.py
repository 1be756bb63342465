"""Fisher vectors: one stream a feature and a hidden layer; context gating is part of the head."""

from yt8m_distill.layers.fisher_vector import FisherVector
from yt8m_distill.models.late_fusion import LateFusion, hidden_after_bags


def build_aggregator(params, spec):
    """The aggregator of `FisherVectorParams` for the features of `spec`.

    Padded frames and the order of the frames change nothing.

    Reference:
      Miech et al., "Learnable pooling with Context Gating for video classification", 2017;
      antoine77340/Youtube-8M-WILLOW, frame_level_models.NetFVModelLF, which counts padded frames.
    """
    streams = {
        feature: FisherVector(
            params.clusters(index),
            params.fv_couple_weights,
            params.fv_coupling_factor,
            params.netvlad_add_batch_norm,
            params.batch_norm_momentum,
            name=f"{feature}_fv",
        )
        for index, feature in enumerate(spec.names)
    }
    hidden = hidden_after_bags(params.fv_hidden_size, params.netvlad_add_batch_norm, params.fv_relu, params)
    return LateFusion(streams, hidden, params.drop_rate, name="aggregator")
