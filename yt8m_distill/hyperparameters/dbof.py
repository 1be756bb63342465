"""Numbers of the bags of frames: DBoF, SoftDBoF and GatedDBoF."""

import dataclasses
from typing import ClassVar

from yt8m_distill.hyperparameters.fields import field, require_choice, require_fraction, require_positive
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register

_CLUSTERS = "clusters; where every feature has a bag of its own, the features after the first have an eighth"
_BATCH_NORM = "batch norm rather than biases; --input_batch_norm is a switch of its own"


@dataclasses.dataclass(frozen=True)
class DBoFParams:
    """Deep bag of frames over all features side by side.

    Raises:
      InputError: a number out of its range, an unknown choice.
    """

    family: ClassVar[str] = "dbof"
    level: ClassVar[str] = "frame"

    dbof_cluster_size: int = field(8192, _CLUSTERS)
    dbof_hidden_size: int = field(1024, "width of the layer after the pooling, = representation")
    dbof_pooling_method: str = field("max", "how the frames of a video are pooled: max or average")
    dbof_activation: str = field("sigmoid", "after the clusters and after the hidden layer: sigmoid, relu or relu6")
    dbof_add_batch_norm: bool = field(True, _BATCH_NORM)
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "dbof_cluster_size", "dbof_hidden_size")
        require_choice(self, "dbof_pooling_method", ("max", "average"))
        require_choice(self, "dbof_activation", ("sigmoid", "relu", "relu6"))
        require_fraction(self, "batch_norm_momentum")


@dataclasses.dataclass(frozen=True)
class GatedDBoFParams:
    """Gated bag of frames of the first feature, soft bags of frames of the others.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "gated_dbof"
    level: ClassVar[str] = "frame"

    dbof_cluster_size: int = field(8192, _CLUSTERS)
    dbof_hidden_size: int = field(1024, "width of the layer after the pooling, = representation")
    dbof_add_batch_norm: bool = field(True, _BATCH_NORM)
    dbof_relu: bool = field(True, "ReLU6 after the hidden layer; without it a bias replaces the layer's batch norm")
    fc_dimred: bool = field(True, "a hidden layer after the pooling; without it the bags are the representation")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "dbof_cluster_size", "dbof_hidden_size")
        require_fraction(self, "batch_norm_momentum")

    def clusters(self, stream):
        """Clusters of the stream with this index."""
        return self.dbof_cluster_size if stream == 0 else max(self.dbof_cluster_size // 8, 1)


@dataclasses.dataclass(frozen=True)
class SoftDBoFParams(GatedDBoFParams):
    """Soft bag of frames of every feature.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "soft_dbof"

    softdbof_maxpool: bool = field(False, "the largest assignment to every cluster next to the sum")


def _starter_code(aggregator):
    """The reference's MoE head and its batch norm of the input."""
    return ModelConfig(aggregator, HeadParams("MoE"), FrontEndParams(input_batch_norm=True))


def _published(clusters, hidden):
    return ModelConfig(
        GatedDBoFParams(dbof_cluster_size=clusters, dbof_hidden_size=hidden, dbof_relu=False),
        HeadParams("MoE", l2_penalty=1e-6),
        FrontEndParams(input_batch_norm=True),
    )


@register
def DBoF():
    """The starter code's DbofModel with the defaults of its flags."""
    return _starter_code(DBoFParams())


@register
def SoftDBoF():
    """WILLOW's SoftDbofModelLF with the defaults of its flags."""
    return _starter_code(SoftDBoFParams())


@register
def GatedDBoF_4096_1024():
    """DBoF2 of Skalic and Austin, "Building a Size Constrained Predictive Model", ECCV-W 2018: 37.2 M parameters."""
    return _published(4096, 1024)


@register
def GatedDBoF_6144_1536():
    """DBoF1 of Skalic and Austin, "Building a Size Constrained Predictive Model", ECCV-W 2018: 59.3 M parameters."""
    return _published(6144, 1536)


@register
def GatedDBoF_3684_920():
    """DBoF3 of Skalic and Austin, "Building a Size Constrained Predictive Model", ECCV-W 2018: 33.0 M parameters."""
    return _published(3684, 920)


@register
def DBoF_tiny():
    """Small enough for a demonstration on two cores."""
    return _starter_code(DBoFParams(dbof_cluster_size=256, dbof_hidden_size=128, dbof_activation="relu6"))


@register
def SoftDBoF_tiny():
    """Small enough for a demonstration on two cores."""
    return _starter_code(SoftDBoFParams(dbof_cluster_size=128, dbof_hidden_size=128))


@register
def GatedDBoF_tiny():
    """Small enough for a demonstration on two cores."""
    return _starter_code(GatedDBoFParams(dbof_cluster_size=128, dbof_hidden_size=128))
