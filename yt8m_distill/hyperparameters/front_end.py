"""Numbers of the front end: what happens to the features before the model."""

import dataclasses

from yt8m_distill.hyperparameters.fields import field, require_choice

NORMALIZATIONS = ("joint", "modality", "joint_rms", "modality_rms", "none")


@dataclasses.dataclass(frozen=True)
class FrontEndParams:
    """Front end of any model.

    Raises:
      InputError: an unknown normalization.
    """

    normalization: str = field(
        "joint",
        "L2 norm of a frame (or a video's means) set to 1: joint (all features together), modality or none; "
        "joint_rms and modality_rms set the root mean square to 1 instead",
    )

    def __post_init__(self):
        require_choice(self, "normalization", NORMALIZATIONS)
