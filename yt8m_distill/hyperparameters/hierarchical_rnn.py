"""Numbers of H-RNN, teacher and students."""

import dataclasses
from typing import ClassVar

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_positive
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class HierarchicalRNNParams:
    """LSTMs over chunks of frames, and LSTMs over the chunks.

    Raises:
      InputError: a number out of its range; chunks of unequal length.
    """

    family: ClassVar[str] = "hierarchical_rnn"
    level: ClassVar[str] = "frame"

    lstm_cells: int = field(1024, "units of an LSTM layer; of a bidirectional model, of both directions together")
    lstm_layers: int = field(2, "LSTM layers on top of each other, for H-RNN at each of both levels")
    num_inputs_to_lstm: int = field(20, "chunks that a video is cut into; must divide --max_num_frames")
    max_num_frames: int = field(300, "frames that the chunks hold together; of longer videos the rest is left out")

    def __post_init__(self):
        require_positive(self, "lstm_cells", "lstm_layers", "num_inputs_to_lstm", "max_num_frames")
        if self.max_num_frames % self.num_inputs_to_lstm:
            raise InputError(
                f"--max_num_frames={self.max_num_frames} cannot be cut into --num_inputs_to_lstm="
                f"{self.num_inputs_to_lstm} chunks of one length: choose a number of chunks that divides it."
            )

    def for_frames(self, num_frames):
        """These numbers for a student that sees `num_frames` frames of a video.

        Its chunks hold 5 frames, or 3 where 5 does not divide their number, as in section 5 of the paper; or else 2 or
        1. The authors' code has 5 chunks instead, whatever their length: `HRNN_student_30`.
        """
        if num_frames == self.max_num_frames:
            return self
        length = next(length for length in (5, 3, 2, 1) if num_frames % length == 0)
        return dataclasses.replace(self, max_num_frames=num_frames, num_inputs_to_lstm=num_frames // length)


@register
def HRNN():
    """The teacher of Bhardwaj et al., CVPR 2019: 20 chunks of 15 frames."""
    return ModelConfig(aggregator=HierarchicalRNNParams(), head=HeadParams(video_level_classifier_model="MoE"))


@register
def HRNN_student_30():
    """The student of Bhardwaj et al. that sees 30 frames of a video: 5 chunks of 6.

    For students of 20 and 10 frames: --max_num_frames=20, --max_num_frames=10.
    """
    return ModelConfig(
        aggregator=HierarchicalRNNParams(num_inputs_to_lstm=5, max_num_frames=30),
        head=HeadParams(video_level_classifier_model="MoE"),
    )


@register
def HRNN_tiny():
    """64 units and one layer a level, for a demonstration on two cores."""
    return ModelConfig(aggregator=HierarchicalRNNParams(lstm_cells=64, lstm_layers=1))
