"""From a batch to the floats a model aggregates."""

import math

import keras
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.front_end import NORMALIZATIONS
from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.dequantize import Dequantize
from yt8m_distill.layers.frame_mask import frame_mask
from yt8m_distill.layers.frame_sampling import FrameSampling
from yt8m_distill.layers.l2_normalization import L2Normalization, inverse_norm
from yt8m_distill.layers.reverse_whitening import ReverseWhitening
from yt8m_distill.models.parts import revive_part, serialize_part


@keras.saving.register_keras_serializable(package="yt8m_distill")
class FrontEnd(keras.layers.Layer):
    """Samples frames in training, dequantises, un-whitens, L2-normalises and batch-normalises features, in this order.

    Args:
      normalization: "joint" divides every frame (or video) by the L2 norm of all its features together, "modality"
        each feature by its own, "none" neither. "joint_rms" and "modality_rms" then multiply by the root of the
        number of values, so that their root mean square is 1.
      sampling: `FrameSampling`, or None to look at all frames in training too.
      reverse_whitening: `ReverseWhitening` of the first feature, or None.
      batch_norm: whether every feature is batch-normalised.
      momentum: decay of the batch norms' moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      features: dict of name -> uint8 or float (batch, frames, size), or float (batch, size) at video level.
      num_frames: int (batch,); None at video level.
      training: whether to sample frames and to use the moments of this batch.

    Returns:
      (features, num_frames): the same names and shapes in the compute dtype, fewer frames where they were sampled.
      Padded frames hold numbers without meaning: they do not count for the batch norm's moments, and whatever
      comes next has to leave them out.
    """

    def __init__(
        self,
        normalization="joint",
        sampling=None,
        reverse_whitening=None,
        batch_norm=False,
        momentum=0.999,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization must be one of {', '.join(NORMALIZATIONS)}. Received: {normalization=}")
        self.normalization = normalization
        self.sampling = sampling
        self.reverse_whitening = reverse_whitening
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.dequantize = Dequantize(dtype=self.dtype_policy)
        self.normalize = L2Normalization(dtype=self.dtype_policy)

    def build(self, features_shape, num_frames_shape=None):
        for name, shape in features_shape.items():
            self.dequantize.build(shape)
            self.normalize.build(shape)
            if self.batch_norm:
                # Attributes rather than a dict: tf.train.Checkpoint does not look into a layer's dicts.
                setattr(
                    self, f"{name}_bn", BatchNormalization(self.momentum, dtype=self.dtype_policy, name=f"{name}_bn")
                )
                getattr(self, f"{name}_bn").build(shape)

    def call(self, features, num_frames=None, training=None):
        if num_frames is not None and self.sampling is not None:
            features, num_frames = self.sampling(features, num_frames, training=training)
        features = self.scale(features, num_frames)
        return self.batch_normalize(features, num_frames, training), num_frames

    def scale(self, features, num_frames=None):
        """Dequantises, un-whitens and L2-normalises features: the part that needs no weights.

        It gives models whose numbers agree the same. Takes and returns the features of a call.
        """
        if num_frames is not None:
            features = {name: self.dequantize(x, num_frames) for name, x in features.items()}
        if self.reverse_whitening is not None:
            first = next(iter(features))
            features = {**features, first: self.reverse_whitening(features[first])}
        return self._normalize(features)

    def batch_normalize(self, features, num_frames=None, training=None):
        """What `scale` returns, batch-normalised where the front end does so."""
        if not self.batch_norm:
            return features
        mask = None if num_frames is None else frame_mask(num_frames, ops.shape(next(iter(features.values())))[1])
        batch_norms = {name: getattr(self, f"{name}_bn") for name in features}
        return {name: batch_norms[name](x, mask=mask, training=training) for name, x in features.items()}

    def _normalize(self, features):
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

    def get_config(self):
        return {
            **super().get_config(),
            "normalization": self.normalization,
            "sampling": serialize_part(self.sampling),
            "reverse_whitening": serialize_part(self.reverse_whitening),
            "batch_norm": self.batch_norm,
            "momentum": self.momentum,
        }

    @classmethod
    def from_config(cls, config):
        parts = ("sampling", "reverse_whitening")
        return cls(**{**config, **{part: revive_part(config[part]) for part in parts}})


def _normalize_together(features):
    """Divides every feature by the norm of all features side by side, without laying them side by side."""
    exact = {name: ops.cast(x, "float32") for name, x in features.items()}
    scale = inverse_norm(sum(ops.sum(ops.square(x), axis=-1, keepdims=True) for x in exact.values()))
    return {name: ops.cast(exact[name] * scale, x.dtype) for name, x in features.items()}


def build_front_end(params, spec, momentum=0.999):
    """The front end of `params` for the features of `spec`.

    Raises:
      InputError: the eigenvalues are not as many as the first feature has values; frames to be drawn where there are
        none.
    """
    return FrontEnd(
        params.normalization,
        sampling=_sampling(params, spec),
        reverse_whitening=_reverse_whitening(params, spec),
        batch_norm=params.input_batch_norm,
        momentum=momentum,
        name="front_end",
    )


def _sampling(params, spec):
    if not params.iterations:
        return None
    if not spec.has_frames:
        raise InputError(f"--iterations={params.iterations} draws frames, and video-level features have none: drop it.")
    return FrameSampling(params.iterations, params.sample_random_frames, name="sampling")


def _reverse_whitening(params, spec):
    count = len(params.pca_eigenvalues)
    if not count:
        return None
    if count != spec.sizes[0]:
        raise InputError(f"--pca_eigenvalues holds {count} numbers and {spec.names[0]} has {spec.sizes[0]} values.")
    return ReverseWhitening(params.pca_eigenvalues, name="reverse_whitening")
