"""An export in the place of a run's model, for evaluation and inference."""

import json
import os

import tensorflow as tf

from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

_FILE = "saved_model.pb"


class ServedClassifier:
    """A SavedModel that is called like a `VideoClassifier`, inside a tf.function too."""

    def __init__(self, loaded):
        self._loaded = loaded
        self._features = loaded.signatures["features"]

    def __call__(self, inputs, training=False):
        """{"predictions": float32 (batch, classes)} of whole videos; `training` can only be False."""
        if training:
            raise ValueError("An export cannot be trained.")
        return self._features(**inputs)


def holds_export(path):
    """Whether a directory is a SavedModel."""
    return os.path.isfile(os.path.join(path or "", _FILE))


def load_served(directory):
    """Loads an export of `export/saved_model.py`, of one model or several.

    Returns:
      (ServedClassifier, FeatureSpec of the videos it is given: whole ones, whatever its models sample).

    Raises:
      InputError: the directory is no SavedModel, a damaged one, or one of other software.
    """
    if not holds_export(directory):
        raise InputError(f"{directory} is no export: it has no {_FILE}. Make one with yt8m_distill.bin.export.")
    try:
        loaded = tf.saved_model.load(directory)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"{directory} cannot be loaded: {' '.join(str(error).split())[:200]}") from error
    if "features" not in loaded.signatures or not hasattr(loaded, "spec_json"):
        raise InputError(f"{directory} is a SavedModel of other software: expected one of yt8m_distill.bin.export.")
    return ServedClassifier(loaded), FeatureSpec.from_dict(json.loads(loaded.spec_json().numpy()))
