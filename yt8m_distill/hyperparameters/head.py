"""Numbers of the head: what turns a representation into class probabilities."""

import dataclasses

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice, require_positive

HEADS = ("Logistic", "MoE")
_STARTER_CODE_NAMES = {"LogisticModel": "Logistic", "MoeModel": "MoE"}


@dataclasses.dataclass(frozen=True)
class HeadParams:
    """Head of any model. The starter code's names (`LogisticModel`, `MoeModel`) are accepted and shortened.

    Raises:
      InputError: an unknown head, fewer than one expert, a probability or a penalty out of its range.
    """

    video_level_classifier_model: str = field("Logistic", "head: Logistic or MoE (mixture of experts)")
    moe_num_mixtures: int = field(2, "experts a class of the MoE head, the dummy expert not counted")
    initial_probability: float = field(
        0.5,
        "what every class (every expert) predicts before training; near the mean frequency, training starts at once",
    )
    l2_penalty: float = field(1e-8, "L2 penalty on the head's weights: l2_penalty * sum(w^2) / 2")

    def __post_init__(self):
        name = self.video_level_classifier_model
        object.__setattr__(self, "video_level_classifier_model", _STARTER_CODE_NAMES.get(name, name))
        require_choice(self, "video_level_classifier_model", HEADS)
        require_positive(self, "moe_num_mixtures")
        if not 0 < self.initial_probability < 1:
            raise InputError(f"--initial_probability={self.initial_probability}: expected a number between 0 and 1.")
        if self.l2_penalty < 0:
            raise InputError(f"--l2_penalty={self.l2_penalty}: expected 0 or more.")
