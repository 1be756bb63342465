"""Numbers of the front end: what happens to the features before the model."""

import dataclasses
import math

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice

NORMALIZATIONS = ("joint", "modality", "joint_rms", "modality_rms", "none")


@dataclasses.dataclass(frozen=True)
class FrontEndParams:
    """Front end of any model.

    Raises:
      InputError: an unknown normalization, a number out of its range.
    """

    normalization: str = field(
        "joint",
        "L2 norm of a frame (or a video's means) set to 1: joint (all features together), modality or none; "
        "joint_rms and modality_rms set the root mean square to 1 instead",
    )

    input_batch_norm: bool = field(False, "batch norm of every feature, after the normalization")
    iterations: int = field(0, "in training, look at this many frames of each video, drawn at random; 0 for all")
    sample_random_frames: bool = field(
        True, "draw --iterations frames one by one, with replacement; False draws a run of frames in a row"
    )
    pca_eigenvalues: tuple = field(
        (), "file (.npy or text) of the first feature's PCA eigenvalues: reverses the whitening, as NeXtVLAD's input"
    )

    def __post_init__(self):
        require_choice(self, "normalization", NORMALIZATIONS)
        if self.iterations < 0:
            raise InputError(f"--iterations={self.iterations}: expected 0 or more.")
        object.__setattr__(self, "pca_eigenvalues", tuple(map(float, self.pca_eigenvalues)))
        for value in self.pca_eigenvalues:
            if not 0 <= value < math.inf:
                raise InputError(f"--pca_eigenvalues: {value} is no variance, as eigenvalues are: expected 0 or more.")
