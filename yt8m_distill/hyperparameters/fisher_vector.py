"""Numbers of Fisher vectors."""

import dataclasses
from typing import ClassVar

from yt8m_distill.hyperparameters.fields import field, require_fraction, require_positive
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class FisherVectorParams:
    """Fisher vectors over one stream a feature. The first feature gets all clusters, every further one half of them.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "fisher_vector"
    level: ClassVar[str] = "frame"

    fv_cluster_size: int = field(64, "clusters of the first feature; the others have half")
    fv_hidden_size: int = field(2048, "width of the layer after the aggregation, = representation")
    fv_relu: bool = field(True, "ReLU6 after the hidden layer; without it a bias replaces the layer's batch norm")
    fv_couple_weights: bool = field(True, "centres are the clusters' weights times --fv_coupling_factor")
    fv_coupling_factor: float = field(0.01, "see --fv_couple_weights")
    # The starter code's name, which serves NetVLAD and NetFV there, too.
    netvlad_add_batch_norm: bool = field(
        True, "batch norm of the clusters' scores and, where it has a ReLU, of the hidden layer; otherwise biases"
    )
    drop_rate: float = field(0.0, "dropout on the aggregated descriptor")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "fv_cluster_size", "fv_hidden_size")
        require_fraction(self, "drop_rate", "batch_norm_momentum")

    def clusters(self, stream):
        """Clusters of the stream with this index."""
        return self.fv_cluster_size if stream == 0 else max(self.fv_cluster_size // 2, 1)


@register
def NetFV():
    """WILLOW's NetFVModelLF with the defaults of its flags."""
    return ModelConfig(
        aggregator=FisherVectorParams(),
        head=HeadParams(video_level_classifier_model="MoE"),
        front_end=FrontEndParams(input_batch_norm=True),
    )


@register
def FVNet_96_1540():
    """FVNet of Skalic and Austin, "Building a Size Constrained Predictive Model", ECCV-W 2018: 369.1 M parameters."""
    return ModelConfig(
        aggregator=FisherVectorParams(fv_cluster_size=96, fv_hidden_size=1540, fv_relu=False, fv_couple_weights=False),
        head=HeadParams(video_level_classifier_model="MoE", gating="batch_norm", moe_prob_gating=True, l2_penalty=1e-6),
        front_end=FrontEndParams(input_batch_norm=True),
    )


@register
def NetFV_tiny():
    """Small enough for a demonstration on two cores."""
    return ModelConfig(
        aggregator=FisherVectorParams(fv_cluster_size=16, fv_hidden_size=128),
        head=HeadParams(video_level_classifier_model="MoE"),
        front_end=FrontEndParams(input_batch_norm=True),
    )
