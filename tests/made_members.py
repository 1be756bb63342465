"""Members of exports with weights of their own, for tests."""

from made_runs import FRAME

from yt8m_distill.compression.policy import Policy, store
from yt8m_distill.export.members import Member, plain_tensors
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model

MIN_ELEMENTS = 100  # of the tiny models' weights, the larger ones have more


def make_member(name="NeXtVLAD_tiny", spec=FRAME, seed=5, method="none", weight=1.0, **overrides):
    """A member of random weights; `method` is how those of more than 100 values are stored."""
    config = registry.model_config(name, **overrides)
    tensors = plain_tensors(build_model(config, spec, seed=seed))
    arrays = {name: tensor.values for name, tensor in tensors.items()}
    methods = Policy(method, MIN_ELEMENTS).methods(arrays)
    tensors = {name: store(name, array, methods[name]) for name, array in arrays.items()}
    return Member(config, spec, tensors, weight, name)
