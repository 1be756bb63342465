"""Numbers of NeXtVLAD."""

import dataclasses
from typing import ClassVar

from yt8m_distill.hyperparameters.fields import field, require_fraction, require_positive
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class NeXtVLADParams:
    """NeXtVLAD over one stream a feature.

    The first feature gets all clusters and groups, every further one half of them (at least one), as rgb and audio
    do in the reference.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "nextvlad"
    level: ClassVar[str] = "frame"

    nextvlad_cluster_size: int = field(64, "clusters of the first feature; the others have half")
    nextvlad_hidden_size: int = field(
        1024, "width of the layer after the aggregation, = representation (of each branch)"
    )
    groups: int = field(8, "groups into which an expanded frame is split; features after the first have half")
    expansion: int = field(2, "factor by which a frame is widened before it is split into groups")
    drop_rate: float = field(0.5, "dropout on the aggregated descriptor")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "nextvlad_cluster_size", "nextvlad_hidden_size", "groups", "expansion")
        require_fraction(self, "drop_rate", "batch_norm_momentum")

    def clusters(self, stream):
        """Clusters of the stream with this index."""
        return self.nextvlad_cluster_size if stream == 0 else max(self.nextvlad_cluster_size // 2, 1)

    def stream_groups(self, stream):
        """Groups of the stream with this index."""
        return self.groups if stream == 0 else max(self.groups // 2, 1)


@register
def NeXtVLAD():
    """The single model of Lin et al., "NeXtVLAD", ECCV-W 2018: 128 clusters, 2048 hidden units."""
    return ModelConfig(
        aggregator=NeXtVLADParams(nextvlad_cluster_size=128, nextvlad_hidden_size=2048),
        head=HeadParams(gating="squeeze_excite", l2_penalty=1e-5),
    )


@register
def NeXtVLAD_MoE():
    """The same with a mixture of four experts a class, as the reference's MoE head has."""
    return ModelConfig(
        aggregator=NeXtVLADParams(nextvlad_cluster_size=128, nextvlad_hidden_size=2048),
        head=HeadParams("MoE", moe_num_mixtures=4, gating="squeeze_excite", l2_penalty=1e-5),
    )


@register
def NeXtVLAD_tiny():
    """Small enough for a demonstration on two cores."""
    return ModelConfig(
        aggregator=NeXtVLADParams(nextvlad_cluster_size=16, nextvlad_hidden_size=128, groups=4),
        head=HeadParams(gating="squeeze_excite", l2_penalty=1e-5),
    )
