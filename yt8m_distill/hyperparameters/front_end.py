"""Numbers of the front end: what happens to the features before the model."""

import dataclasses

from yt8m_distill.hyperparameters.fields import field, require_choice

NORMALIZATIONS = ("joint", "modality", "none")


@dataclasses.dataclass(frozen=True)
class FrontEndParams:
    """Front end of any model.

    Raises:
      InputError: an unknown normalization.
    """

    normalization: str = field(
        "joint", "L2 normalisation of a frame (or a video's means): joint (all features together), modality or none"
    )

    def __post_init__(self):
        require_choice(self, "normalization", NORMALIZATIONS)
