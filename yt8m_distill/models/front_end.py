"""From a batch to the floats a model aggregates."""

import math

import keras
from keras import ops

from yt8m_distill.hyperparameters.front_end import NORMALIZATIONS
from yt8m_distill.layers.dequantize import Dequantize
from yt8m_distill.layers.l2_normalization import L2Normalization, inverse_norm


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FrontEnd(keras.layers.Layer):
    """Dequantises and L2-normalises features.

    Args:
      normalization: "joint" divides every frame (or video) by the L2 norm of all its features together, "modality"
        each feature by its own, "none" neither. "joint_rms" and "modality_rms" then multiply by the root of the
        number of values, so that their root mean square is 1.

    Call arguments:
      features: dict of name -> uint8 or float (batch, frames, size), or float (batch, size) at video level.
      num_frames: int (batch,); None at video level.

    Output shape:
      dict of the same names and shapes, in the compute dtype. Padded uint8 frames are zero; padded float frames stay
      what they are, up to the normalisation.
    """

    def __init__(self, normalization="joint", **kwargs):
        super().__init__(**kwargs)
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization must be one of {', '.join(NORMALIZATIONS)}. Received: {normalization=}")
        self.normalization = normalization
        self.dequantize = Dequantize(dtype=self.dtype_policy)
        self.normalize = L2Normalization(dtype=self.dtype_policy)

    def build(self, features_shape, num_frames_shape=None):
        for shape in features_shape.values():
            self.dequantize.build(shape)
            self.normalize.build(shape)

    def call(self, features, num_frames=None):
        if num_frames is not None:
            features = {name: self.dequantize(x, num_frames) for name, x in features.items()}
        if self.normalization.startswith("joint"):
            features = _normalize_together(features)
        if self.normalization.startswith("modality"):
            features = {name: self.normalize(x) for name, x in features.items()}
        if self.normalization.endswith("rms"):
            features = {name: x * self._root_of_size(features, name) for name, x in features.items()}
        return features

    def _root_of_size(self, features, name):
        counted = features.values() if self.normalization == "joint_rms" else [features[name]]
        return math.sqrt(sum(x.shape[-1] for x in counted))

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        return features_shape

    def get_config(self):
        return {**super().get_config(), "normalization": self.normalization}


def _normalize_together(features):
    """Divides every feature by the norm of all features side by side, without laying them side by side."""
    exact = {name: ops.cast(x, "float32") for name, x in features.items()}
    scale = inverse_norm(sum(ops.sum(ops.square(x), axis=-1, keepdims=True) for x in exact.values()))
    return {name: ops.cast(exact[name] * scale, x.dtype) for name, x in features.items()}
