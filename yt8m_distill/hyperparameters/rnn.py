"""Numbers of the recurrent models."""

import dataclasses
from typing import ClassVar

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice, require_fraction, require_positive
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register

_STATE_HELP = (
    "final states that make the representation: last_h or (LSTM) last_c of the top layer, every_h of all layers, or "
    "(LSTM) every_state, c and h of all layers"
)


@dataclasses.dataclass(frozen=True)
class LSTMParams:
    """LSTMs on top of each other over all features side by side.

    Raises:
      InputError: a number out of its range, an unknown choice.
    """

    family: ClassVar[str] = "lstm"
    level: ClassVar[str] = "frame"

    lstm_cells: int = field(1024, "units of an LSTM layer; of a bidirectional model, of both directions together")
    lstm_layers: int = field(2, "LSTM layers on top of each other, for H-RNN at each of both levels")
    lstm_backward: bool = field(False, "read the frames from the last to the first")
    state_output: str = field("last_h", _STATE_HELP)

    def __post_init__(self):
        require_positive(self, "lstm_cells", "lstm_layers")
        require_choice(self, "state_output", ("last_h", "last_c", "every_h", "every_state"))


@dataclasses.dataclass(frozen=True)
class GRUParams:
    """GRUs on top of each other over all features side by side.

    Raises:
      InputError: a number out of its range, an unknown choice.
    """

    family: ClassVar[str] = "gru"
    level: ClassVar[str] = "frame"

    gru_cells: int = field(1024, "units of a GRU layer; of a bidirectional model, of both directions together")
    gru_layers: int = field(2, "GRU layers on top of each other")
    gru_backward: bool = field(False, "read the frames from the last to the first")
    state_output: str = field("every_h", _STATE_HELP)

    def __post_init__(self):
        require_positive(self, "gru_cells", "gru_layers")
        require_choice(self, "state_output", ("last_h", "every_h"))


@dataclasses.dataclass(frozen=True)
class BidirectionalLSTMParams:
    """An LSTM over the outputs of a forward and a backward one.

    Raises:
      InputError: a number out of its range, an unknown choice.
    """

    family: ClassVar[str] = "bidirectional_lstm"
    level: ClassVar[str] = "frame"

    lstm_cells: int = field(1024, "units of an LSTM layer; of a bidirectional model, of both directions together")
    state_output: str = field("last_c", _STATE_HELP)

    def __post_init__(self):
        _require_two(self, "lstm_cells")
        require_choice(self, "state_output", ("last_h", "last_c"))


@dataclasses.dataclass(frozen=True)
class BidirectionalGRUParams:
    """A GRU over the outputs of a forward and a backward one.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "bidirectional_gru"
    level: ClassVar[str] = "frame"

    gru_cells: int = field(1024, "units of a GRU layer; of a bidirectional model, of both directions together")

    def __post_init__(self):
        _require_two(self, "gru_cells")


@dataclasses.dataclass(frozen=True)
class DualPathGRUParams:
    """A batch-normalised bidirectional GRU for each feature.

    The first feature gets all cells, every further one an eighth of them (at least two), as rgb and audio do in the
    reference.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "dual_path_gru"
    level: ClassVar[str] = "frame"

    gru_cells: int = field(1024, "units of a GRU layer; of a bidirectional model, of both directions together")
    batch_norm_momentum: float = field(0.999, "decay of the batch norm's moving statistics, reached after a warm-up")

    def __post_init__(self):
        _require_two(self, "gru_cells")
        require_fraction(self, "batch_norm_momentum")

    def cells(self, path):
        """Units of the path with this index."""
        return self.gru_cells if path == 0 else max(self.gru_cells // 8, 2)


def _require_two(params, name):
    if getattr(params, name) < 2:
        raise InputError(f"--{name}={getattr(params, name)}: expected at least 2, one unit a direction.")


@register
def LSTM():
    """The starter code's LstmModel: two layers of 1024 units, two experts a class on the last h."""
    return ModelConfig(aggregator=LSTMParams(), head=HeadParams(video_level_classifier_model="MoE"))


@register
def LSTM_tiny():
    """One layer of 128 units, for a demonstration on two cores."""
    return ModelConfig(aggregator=LSTMParams(lstm_cells=128, lstm_layers=1))


@register
def GRU():
    """WILLOW's GruModel: two layers of 1024 units, two experts a class on both h."""
    return ModelConfig(aggregator=GRUParams(), head=HeadParams(video_level_classifier_model="MoE"))


@register
def GRU_tiny():
    """One layer of 128 units, for a demonstration on two cores."""
    return ModelConfig(aggregator=GRUParams(gru_cells=128, gru_layers=1))


@register
def BidirectionalLSTM():
    """The recurrent model of Skalic and Austin, ECCV-W 2018: 19.2 million weights, a logistic head on the last c."""
    return ModelConfig(aggregator=BidirectionalLSTMParams())


@register
def BidirectionalLSTM_tiny():
    """64 units for each direction, for a demonstration on two cores."""
    return ModelConfig(aggregator=BidirectionalLSTMParams(lstm_cells=128))


@register
def BidirectionalGRU():
    """GRUbidirect of Skalic and Austin, ECCV-W 2018, with a logistic head."""
    return ModelConfig(aggregator=BidirectionalGRUParams())


@register
def BidirectionalGRU_tiny():
    """64 units for each direction, for a demonstration on two cores."""
    return ModelConfig(aggregator=BidirectionalGRUParams(gru_cells=128))


@register
def DualPathGRU():
    """GRUbidirect_branchedBN of Skalic and Austin, ECCV-W 2018: 1024 units for rgb, 128 for audio."""
    return ModelConfig(aggregator=DualPathGRUParams())


@register
def DualPathGRU_tiny():
    """128 units for the first feature, 16 for the others, for a demonstration on two cores."""
    return ModelConfig(aggregator=DualPathGRUParams(gru_cells=128))
