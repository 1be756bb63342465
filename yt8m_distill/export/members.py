"""The models of an export."""

import dataclasses

import keras
import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import assign_stored, restore_model
from yt8m_distill.spec import FeatureSpec
from yt8m_distill.stored_weights import Plain, StoredTensor, holds_stored, named_weights, read_stored

_SLACK = 1e-4


@dataclasses.dataclass(frozen=True)
class Member:
    """One model of an export, in numbers: it is built when it is needed, so that not all are in memory as floats.

    Attributes:
      model: ModelConfig.
      spec: FeatureSpec of what the model reads.
      tensors: {name: stored tensor} of all its weights; what is stored as codes stays codes on disk.
      weight: what its predictions count.
      name: tells it from the others in reports.
    """

    model: ModelConfig
    spec: FeatureSpec
    tensors: dict[str, StoredTensor]
    weight: float = 1.0
    name: str = ""

    @property
    def num_bytes(self):
        """Bytes of its weights on disk."""
        return sum(tensor.num_bytes for tensor in self.tensors.values())

    def build(self):
        """A VideoClassifier with its weights, dequantised."""
        model = build_model(self.model, self.spec)
        assign_stored(model, self.tensors)
        return model


def member_of(run, weight=1.0, name=""):
    """The member that a run is: its codes where it is quantised, else its floats."""
    quantised = holds_stored(run.checkpoint)
    tensors = read_stored(run.checkpoint) if quantised else plain_tensors(restore_model(run))
    return Member(run.config.model, run.config.features, tensors, weight, name or run.config.model.name)


def plain_tensors(model):
    """{name: stored tensor} of a model's weights as they are now."""
    return {
        name: Plain(np.array(keras.ops.convert_to_numpy(variable.value)))
        for name, variable in named_weights(model).items()
    }


def with_unit_sum(members):
    """Members whose weights sum to one.

    Raises:
      InputError: a weight is negative, or their sum is not one but for rounding (1e-4).
    """
    weights = [member.weight for member in members]
    total = sum(weights)
    if not (min(weights) >= 0 and abs(total - 1) <= _SLACK):
        raise InputError(
            f"the weights {', '.join(f'{weight:g}' for weight in weights)} sum to {total:g}: expected numbers of at "
            "least 0 that sum to one. Divide each by their sum."
        )
    return [dataclasses.replace(member, weight=member.weight / total) for member in members]


def require_fixed_frames(named_specs):
    """Raises InputError where one of [(name, FeatureSpec)] reads frames that are drawn at random."""
    for name, spec in named_specs:
        if spec.frame_sampler == "random":
            raise InputError(
                f"the run of {name} reads frames drawn at random by each video's id "
                "(--frame_sampler=random), and a SavedModel cannot draw them: export a run with another "
                "--frame_sampler."
            )
