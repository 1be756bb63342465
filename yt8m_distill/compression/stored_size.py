"""What the weights of a run take on disk."""

import math

from yt8m_distill.models.classifier import build_model
from yt8m_distill.stored_weights import holds_stored, stored_size

_FLOAT_BYTES = 4


def stored_bytes(run, model=None):
    """Bytes of a run's weights: codes and codebooks of a quantised run, else 4 a weight.

    What a checkpoint of a training run holds besides, such as the optimizer's numbers, does not count.

    Args:
      run: Run.
      model: what `restore_model` made of it, where it is at hand; its values do not count.
    """
    if holds_stored(run.checkpoint):
        return stored_size(run.checkpoint)
    model = model or build_model(run.config.model, run.config.features)
    return _FLOAT_BYTES * sum(math.prod(weight.shape) for weight in model.weights)
