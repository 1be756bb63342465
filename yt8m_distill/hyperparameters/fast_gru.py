"""Numbers of FAST-GRU and of the aggregations of clips it was compared with."""

import dataclasses
from typing import ClassVar

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice, require_fraction, require_positive
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register

CLIP_AGGREGATIONS = ("fast_gru", "gru", "lstm", "concat", "average")


@dataclasses.dataclass(frozen=True)
class FastGRUParams:
    """A recurrence over clips, each given by one frame of the data: a pooled vector or a flattened feature map.

    Raises:
      InputError: an unknown aggregation, a number out of its range.
    """

    family: ClassVar[str] = "fast_gru"
    level: ClassVar[str] = "frame"

    clip_aggregation: str = field("fast_gru", f"how clips are aggregated: {', '.join(CLIP_AGGREGATIONS)}")
    clip_positions: int = field(
        1, "positions of a clip's feature map, which is stored position after position; 1 for pooled features"
    )
    expensive_every: int = field(
        0,
        "of two features, an expensive clip model's and a lightweight one's, the first is read every so many clips, "
        "from clip 0 on, and otherwise the second (with --normalization=none or modality); 0 reads all of every clip",
    )
    fast_gru_channels: int = field(0, "channels to which clips are projected first; 0 takes them as they come")
    fast_gru_reduction: int = field(4, "bottleneck of FAST-GRU's gates: channels / fast_gru_reduction")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_choice(self, "clip_aggregation", CLIP_AGGREGATIONS)
        require_positive(self, "clip_positions", "fast_gru_reduction")
        require_fraction(self, "batch_norm_momentum")
        for name in ("expensive_every", "fast_gru_channels"):
            if getattr(self, name) < 0:
                raise InputError(f"--{name}={getattr(self, name)}: expected 0 or more.")


@register
def FASTGRU():
    """512 channels over frames of any features; the paper's numbers stand in flags/clips/FASTER32.flags."""
    return ModelConfig(
        aggregator=FastGRUParams(fast_gru_channels=512), front_end=FrontEndParams(normalization="joint_rms")
    )


@register
def FASTGRU_tiny():
    """128 channels over frames of any features, for a demonstration on two cores."""
    return ModelConfig(
        aggregator=FastGRUParams(fast_gru_channels=128), front_end=FrontEndParams(normalization="joint_rms")
    )
