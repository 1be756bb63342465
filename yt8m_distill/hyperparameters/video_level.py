"""Numbers of the models over video-level features."""

import dataclasses
from typing import ClassVar

from yt8m_distill.hyperparameters.fields import field, require_fraction, require_positive
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class VideoMeansParams:
    """No layer of its own: the head reads the concatenated features."""

    family: ClassVar[str] = "video_means"
    level: ClassVar[str] = "video"


@dataclasses.dataclass(frozen=True)
class HiddenLayerParams:
    """One hidden layer between the features and the head.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "hidden_layer"
    level: ClassVar[str] = "video"

    num_hidden_units: int = field(2048, "width of the hidden layer, = representation")
    hidden_dropout: float = field(0.6, "dropout after the hidden layer")
    hidden_batch_norm: bool = field(False, "batch norm after the hidden layer's ReLU")
    input_dropout: float = field(0.0, "dropout on the features")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "num_hidden_units")
        require_fraction(self, "hidden_dropout", "input_dropout", "batch_norm_momentum")


@register
def Logistic():
    """The starter code's LogisticModel."""
    return ModelConfig(aggregator=VideoMeansParams())


@register
def MoE():
    """The starter code's MoeModel: two experts a class."""
    return ModelConfig(aggregator=VideoMeansParams(), head=HeadParams(video_level_classifier_model="MoE"))


@register
def HiddenLayer():
    """One hidden layer of 2048 units."""
    return ModelConfig(aggregator=HiddenLayerParams())


@register
def HiddenLayer_tiny():
    """A hidden layer of 64 units, for tests."""
    return ModelConfig(aggregator=HiddenLayerParams(num_hidden_units=64))
