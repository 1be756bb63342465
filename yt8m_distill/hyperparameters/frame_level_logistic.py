"""Numbers of the frame-level logistic model."""

import dataclasses
from typing import ClassVar

from yt8m_distill.hyperparameters.fields import field
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class FrameLevelLogisticParams:
    """Mean of the frames of a video, then the head."""

    family: ClassVar[str] = "frame_level_logistic"
    level: ClassVar[str] = "frame"

    mask_padding: bool = field(
        True, "leave padded frames out of the mean; False sums every row, as the starter code does"
    )


@register
def FrameLevelLogistic():
    """The starter code's FrameLevelLogisticModel."""
    return ModelConfig(aggregator=FrameLevelLogisticParams())
