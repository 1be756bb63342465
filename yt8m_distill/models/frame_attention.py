"""Attention pooling: one weighted mean of frames a feature, side by side."""

from yt8m_distill.layers.frame_attention import FrameAttention
from yt8m_distill.models.late_fusion import LateFusion


def build_aggregator(params, spec):
    """The aggregator of `FrameAttentionParams` for the features of `spec`.

    Padded frames and the order of the frames change nothing.
    """
    streams = {
        feature: FrameAttention(
            params.units(index),
            params.attention_heads,
            params.attention_score_units,
            params.batch_norm_momentum,
            name=f"{feature}_attention",
        )
        for index, feature in enumerate(spec.names)
    }
    return LateFusion(streams, name="aggregator")
