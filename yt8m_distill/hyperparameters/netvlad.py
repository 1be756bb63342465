"""Numbers of NetVLAD, LightVLAD and NetVLAGD."""

import dataclasses
from typing import ClassVar

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_fraction, require_positive
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class NetVLADParams:
    """VLAD over one stream a feature. The first feature gets all clusters, every further one half of them.

    Raises:
      InputError: a number out of its range; both --lightvlad and --vlagd.
    """

    family: ClassVar[str] = "netvlad"
    level: ClassVar[str] = "frame"

    netvlad_cluster_size: int = field(64, "clusters of the first feature; the others have half")
    netvlad_hidden_size: int = field(1024, "width of the layer after the aggregation, = representation")
    netvlad_add_batch_norm: bool = field(
        True, "batch norm of the clusters' scores and, where it has a ReLU, of the hidden layer; otherwise biases"
    )
    netvlad_relu: bool = field(True, "ReLU6 after the hidden layer; without it a bias replaces the layer's batch norm")
    lightvlad: bool = field(False, "sums of the frames rather than of their residuals: no centres")
    vlagd: bool = field(False, "a learned gate on every value of every cluster rather than centres")
    drop_rate: float = field(0.0, "dropout on the aggregated descriptor")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "netvlad_cluster_size", "netvlad_hidden_size")
        require_fraction(self, "drop_rate", "batch_norm_momentum")
        if self.lightvlad and self.vlagd:
            raise InputError("--lightvlad and --vlagd exclude each other: choose one.")

    @property
    def kind(self):
        """ "lightvlad", "vlagd" or "netvlad": which layer aggregates."""
        return "lightvlad" if self.lightvlad else "vlagd" if self.vlagd else "netvlad"

    def clusters(self, stream):
        """Clusters of the stream with this index."""
        return self.netvlad_cluster_size if stream == 0 else max(self.netvlad_cluster_size // 2, 1)


def _starter_code(**numbers):
    """The reference's flag defaults, its MoE head and its batch norm of the input."""
    return ModelConfig(
        aggregator=NetVLADParams(**numbers),
        head=HeadParams(video_level_classifier_model="MoE"),
        front_end=FrontEndParams(input_batch_norm=True),
    )


def _tiny(**numbers):
    return _starter_code(netvlad_cluster_size=16, netvlad_hidden_size=128, **numbers)


@register
def NetVLAD():
    """WILLOW's NetVLADModelLF with the defaults of its flags."""
    return _starter_code()


@register
def LightVLAD():
    """WILLOW's NetVLADModelLF with --lightvlad and the defaults of its other flags."""
    return _starter_code(lightvlad=True)


@register
def NetVLAGD():
    """WILLOW's NetVLADModelLF with --vlagd and the defaults of its other flags."""
    return _starter_code(vlagd=True)


@register
def NetVLAD_192_992():
    """NetVLAD of Skalic and Austin, "Building a Size Constrained Predictive Model", ECCV-W 2018: 242.7 M parameters."""
    return ModelConfig(
        aggregator=NetVLADParams(netvlad_cluster_size=192, netvlad_hidden_size=992, netvlad_relu=False),
        head=HeadParams(video_level_classifier_model="MoE", gating="batch_norm", moe_prob_gating=True, l2_penalty=1e-6),
        front_end=FrontEndParams(input_batch_norm=True),
    )


@register
def NetVLAD_tiny():
    """Small enough for a demonstration on two cores."""
    return _tiny()


@register
def LightVLAD_tiny():
    """Small enough for a demonstration on two cores."""
    return _tiny(lightvlad=True)


@register
def NetVLAGD_tiny():
    """Small enough for a demonstration on two cores."""
    return _tiny(vlagd=True)
