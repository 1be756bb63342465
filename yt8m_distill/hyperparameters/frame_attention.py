"""Numbers of attention pooling over frames."""

import dataclasses
from typing import ClassVar

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_fraction, require_positive
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class FrameAttentionParams:
    """Attention pooling of every feature.

    Raises:
      InputError: a number out of its range; heads that do not divide the units of a feature.
    """

    family: ClassVar[str] = "frame_attention"
    level: ClassVar[str] = "frame"

    attention_units: int = field(2048, "units of the first feature; the others have an eighth")
    attention_heads: int = field(1, "weightings of the frames, each for its own share of the units")
    attention_score_units: int = field(128, "width of the gated layer that weighs frames; 0 weighs them linearly")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        require_positive(self, "attention_units", "attention_heads")
        require_fraction(self, "batch_norm_momentum")
        if self.attention_score_units < 0:
            raise InputError(f"--attention_score_units={self.attention_score_units}: expected 0 or more.")
        if self.attention_units % self.attention_heads or self.units(1) % self.attention_heads:
            raise InputError(
                f"--attention_heads={self.attention_heads} must divide --attention_units={self.attention_units} and "
                f"the {self.units(1)} units of the features after the first."
            )

    def units(self, stream):
        """Units of the stream with this index."""
        return self.attention_units if stream == 0 else max(self.attention_units // 8, 1)


@register
def FrameAttention():
    """attention_frames_v0 of miha-skalic/youtube8mchallenge, with the two-layer score of Ilse et al., ICML 2018."""
    return ModelConfig(FrameAttentionParams(), front_end=FrontEndParams(input_batch_norm=True))


@register
def FrameAttention_tiny():
    """Small enough for a demonstration on two cores."""
    return ModelConfig(
        FrameAttentionParams(attention_units=128, attention_heads=4, attention_score_units=32),
        front_end=FrontEndParams(input_batch_norm=True),
    )
