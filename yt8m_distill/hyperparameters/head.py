"""Numbers of the head: what turns a representation into class probabilities."""

import dataclasses

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice, require_positive

HEADS = ("Logistic", "MoE")
GATINGS = ("none", "plain", "batch_norm", "squeeze_excite")
_STARTER_CODE_NAMES = {"LogisticModel": "Logistic", "MoeModel": "MoE"}
_BOOLEAN_GATINGS = {"True": "batch_norm", "true": "batch_norm", "False": "none", "false": "none"}


@dataclasses.dataclass(frozen=True)
class HeadParams:
    """Head of any model.

    The starter code's names (`LogisticModel`, `MoeModel`) and WILLOW's `--gating=True` are accepted and replaced.

    Raises:
      InputError: an unknown choice, a number out of its range.
    """

    video_level_classifier_model: str = field("Logistic", "head: Logistic or MoE (mixture of experts)")
    moe_num_mixtures: int = field(2, "experts a class of the MoE head, the dummy expert not counted")
    moe_low_rank_gating: int = field(-1, "rank of the MoE head's gates; -1 for a full matrix")
    moe_prob_gating: bool = field(False, "context gating of the probabilities, batch-normalised")
    moe_prob_gating_input: str = field("prob", "what the probabilities' gates see: prob or input")
    gating: str = field(
        "none", "context gating of what the classifier reads: none, plain (with a bias), batch_norm or squeeze_excite"
    )
    gating_reduction: int = field(8, "bottleneck of squeeze_excite: size / gating_reduction")
    gating_remove_diag: bool = field(False, "leave a unit out of its own gate, in both kinds of context gating")
    head_hidden_units: int = field(0, "width of a ReLU layer between representation and classifier; 0 for none")
    initial_probability: float = field(
        0.5,
        "what every class (every expert) predicts before training; near the mean frequency, training starts at once",
    )
    l2_penalty: float = field(1e-8, "L2 penalty on the head's weights: l2_penalty * sum(w^2) / 2")

    def __post_init__(self):
        name = self.video_level_classifier_model
        object.__setattr__(self, "video_level_classifier_model", _STARTER_CODE_NAMES.get(name, name))
        object.__setattr__(self, "gating", _BOOLEAN_GATINGS.get(self.gating, self.gating))
        require_choice(self, "video_level_classifier_model", HEADS)
        require_choice(self, "gating", GATINGS)
        require_choice(self, "moe_prob_gating_input", ("prob", "input"))
        require_positive(self, "moe_num_mixtures", "gating_reduction")
        if self.moe_low_rank_gating < 1 and self.moe_low_rank_gating != -1:
            raise InputError(f"--moe_low_rank_gating={self.moe_low_rank_gating}: expected 1 or more, or -1.")
        if self.head_hidden_units < 0:
            raise InputError(f"--head_hidden_units={self.head_hidden_units}: expected 0 or more.")
        if not 0 < self.initial_probability < 1:
            raise InputError(f"--initial_probability={self.initial_probability}: expected a number between 0 and 1.")
        if not self.l2_penalty >= 0:
            raise InputError(f"--l2_penalty={self.l2_penalty}: expected 0 or more.")
