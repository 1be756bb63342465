"""Where the weights of a run come from that was made rather than trained."""

import dataclasses

from yt8m_distill.hyperparameters.distillation import Teacher


@dataclasses.dataclass(frozen=True)
class Origin:
    """The part `origin` of such a run's config.json.

    Attributes:
      command: what made it, "quantize" or "average".
      sources: the runs it was made from, each with path, checksum and weight.
      settings: {name: JSON value}, what the command was told and what came of it.
    """

    command: str
    sources: tuple[Teacher, ...]
    settings: dict

    @classmethod
    def from_dict(cls, values):
        """The Origin of which `dataclasses.asdict` made `values`, on its way through JSON or not."""
        return cls(**{**values, "sources": tuple(Teacher(**source) for source in values["sources"])})
