"""Numbers of MixNeXtVLAD: several NeXtVLADs side by side in one model."""

import dataclasses
from typing import ClassVar

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_positive
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.nextvlad import NeXtVLADParams
from yt8m_distill.hyperparameters.registry import ModelConfig, register


@dataclasses.dataclass(frozen=True)
class MixNeXtVLADParams(NeXtVLADParams):
    """Branches of equal numbers, mixed by a gate that sees the mean frame.

    Raises:
      InputError: a number out of its range.
    """

    family: ClassVar[str] = "mix_nextvlad"
    # A run from before these fields was trained through the mixture alone.
    before_fields: ClassVar[dict] = {"cl_lambda": 0.0}

    mix_number: int = field(3, "branches, each a complete NeXtVLAD with a head of its own")
    mask_padding: bool = field(
        True, "leave padded frames out of the mean; False sums every row, as the starter code does"
    )

    cl_temperature: float = field(2.0, "T by which logits are divided where branches are pulled to their mixture")
    cl_lambda: float = field(
        1.0,
        "weight of KL(mixture || branch), summed over the branches, which then also learn from the labels, each on its "
        "own; 0 trains through the mixture alone",
    )

    def __post_init__(self):
        super().__post_init__()
        require_positive(self, "mix_number")
        if not self.cl_temperature > 0:
            raise InputError(f"--cl_temperature={self.cl_temperature}: expected a number above 0.")
        if not self.cl_lambda >= 0:
            raise InputError(f"--cl_lambda={self.cl_lambda}: expected 0 or more.")


@register
def MixNeXtVLAD():
    """The mixture of Lin et al., "NeXtVLAD", ECCV-W 2018: three branches of 112 clusters and 2048 hidden units.

    The paper's temperature is 3 and the weight its square.
    """
    return ModelConfig(
        aggregator=MixNeXtVLADParams(
            nextvlad_cluster_size=112, nextvlad_hidden_size=2048, cl_temperature=3.0, cl_lambda=9.0
        ),
        head=HeadParams(gating="squeeze_excite", gating_reduction=16, l2_penalty=1e-5),
    )


@register
def MixNeXtVLAD_tiny():
    """Two small branches."""
    return ModelConfig(
        aggregator=MixNeXtVLADParams(mix_number=2, nextvlad_cluster_size=16, nextvlad_hidden_size=128, groups=4),
        head=HeadParams(gating="squeeze_excite", l2_penalty=1e-5),
    )
