"""An export in the place of a run's model, for evaluation and inference."""

import json
import os

import tensorflow as tf

from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec


class ServedClassifier:
    """A SavedModel that is called like a `VideoClassifier`, inside a tf.function too.

    Attributes:
      sampled_frames: how many of their frames each of its models reads, 0 for all.
    """

    def __init__(self, loaded):
        self._loaded = loaded
        self.sampled_frames = loaded.sampled_frames().numpy().tolist()
        self._features = loaded.signatures["features"]

    def __call__(self, inputs, training=False):
        """{"predictions": float32 (batch, classes)} of whole videos; `training` can only be False."""
        if training:
            raise ValueError("An export cannot be trained.")
        return self._features(**inputs)


def holds_export(path):
    """Whether a directory is a SavedModel."""
    return os.path.isfile(os.path.join(path or "", tf.saved_model.SAVED_MODEL_FILENAME_PB))


def load_served(directory):
    """Loads an export of `export/saved_model.py`, of one model or several.

    Returns:
      (ServedClassifier, FeatureSpec of the videos it is given: whole ones, whatever its models sample).

    Raises:
      InputError: the directory is no SavedModel, a damaged one, or one of other software.
    """
    if not holds_export(directory):
        raise InputError(f"{directory} is no export: it holds no SavedModel. Make one with yt8m_distill.bin.export.")
    try:
        loaded = tf.saved_model.load(directory)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"{directory} cannot be loaded: {' '.join(str(error).split())[:200]}") from error
    if "features" not in loaded.signatures or not all(
        hasattr(loaded, name) for name in ("spec_json", "sampled_frames")
    ):
        raise InputError(
            f"{directory} is a SavedModel of other software, or of an earlier version: expected one of "
            "yt8m_distill.bin.export."
        )
    return ServedClassifier(loaded), FeatureSpec.from_dict(json.loads(loaded.spec_json().numpy()))


def require_all_frames(model, spec):
    """Raises InputError where a model, or one in an export, samples the frames of a video: segments need all of them.

    Args:
      model: VideoClassifier or ServedClassifier.
      spec: its FeatureSpec.
    """
    rest = "and segments need all of them. Leave out --segment_labels, or use a run without --sampled_frames."
    if spec.sampled_frames:
        sampled = f"{spec.sampled_frames} frames of each video (--frame_sampler={spec.frame_sampler})"
        raise InputError(f"the run reads {sampled} {rest}")
    if isinstance(model, ServedClassifier) and any(model.sampled_frames):
        raise InputError(f"the export holds a model that reads {max(model.sampled_frames)} frames of each video {rest}")
