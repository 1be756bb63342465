"""MixNeXtVLAD: branches side by side, their logits mixed by a gate that sees the mean frame."""

import keras
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.layers.batch_normalization import BatchNormalization
from yt8m_distill.layers.frame_mean import FrameMean
from yt8m_distill.models import nextvlad
from yt8m_distill.models.heads import build_head
from yt8m_distill.models.parts import revive_part, serialize_part


@keras.saving.register_keras_serializable(package="yt8m_distill")
class MixedAggregator(keras.layers.Layer):
    """The representations of all branches, then the weight of each: `[r_0, ..., r_n-1, w]`.

    `w = softmax(batch_norm(mean frame) W + b)`.

    Args:
      branches: aggregators of the same width.
      mask_padding: whether the mean frame leaves padding out. False divides the sum of all rows by `max_frames`, as the
        reference does.
      max_frames: rows to which the reference pads every video.
      momentum: decay of the batch norm's moving statistics (slim's 0.999; epsilon is 0.001).

    Call arguments:
      features: dict of name -> float (batch, frames, size).
      num_frames: int (batch,).
      training: passed on to every branch.

    Output shape:
      (batch, branches * width + branches). Padded frames change nothing where `mask_padding` is True.

    Reference:
      Lin et al., "NeXtVLAD", ECCV-W 2018, section 3.4; linrongc/youtube-8m, nextvlad.MixNeXtVladModel.
    """

    def __init__(self, branches, mask_padding=True, max_frames=300, momentum=0.999, **kwargs):
        super().__init__(**kwargs)
        self.num_branches = len(branches)
        for index, branch in enumerate(branches):
            # Attributes rather than a list: tf.train.Checkpoint does not look into a layer's lists.
            setattr(self, f"branch_{index}", branch)
        self.mask_padding = mask_padding
        self.max_frames = max_frames
        self.momentum = momentum
        self.mean = FrameMean(mask_padding, dtype=self.dtype_policy)
        self.mean_bn = BatchNormalization(momentum, dtype=self.dtype_policy, name="mean_bn")
        self.weigh = keras.layers.Dense(self.num_branches, dtype="float32", activation="softmax", name="weigh")

    @property
    def branches(self):
        """The branches' aggregators, in order."""
        return [getattr(self, f"branch_{index}") for index in range(self.num_branches)]

    def build(self, features_shape, num_frames_shape=None):
        for branch in self.branches:
            branch.build(features_shape)
        size = sum(shape[-1] for shape in features_shape.values())
        self.mean_bn.build((None, size))
        self.weigh.build((None, size))

    def call(self, features, num_frames, training=None):
        representations = [branch(features, num_frames, training=training) for branch in self.branches]
        mean = self.mean_bn(self._mean_frame(features, num_frames), training=training)
        weights = ops.cast(self.weigh(mean), representations[0].dtype)
        return ops.concatenate([*representations, weights], axis=-1)

    def _mean_frame(self, features, num_frames):
        if not self.mask_padding:
            num_frames = ops.full_like(ops.cast(num_frames, "int32"), self.max_frames)
        return ops.concatenate([self.mean(frames, num_frames) for frames in features.values()], axis=-1)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        shapes = [branch.compute_output_shape(features_shape) for branch in self.branches]
        return (shapes[0][0], sum(shape[-1] for shape in shapes) + self.num_branches)

    def get_config(self):
        return {
            **super().get_config(),
            "branches": [serialize_part(branch) for branch in self.branches],
            "mask_padding": self.mask_padding,
            "max_frames": self.max_frames,
            "momentum": self.momentum,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "branches": [revive_part(branch) for branch in config["branches"]]})


@keras.saving.register_keras_serializable(package="yt8m_distill")
class MixedHead(keras.layers.Layer):
    """One logistic head a branch: `sigmoid(sum_n w[n] * logits_n(r_n))`.

    Args:
      heads: `Head`s with a `Logistic` classifier, one a branch.

    Call arguments:
      representation: float (batch, branches * width + branches), as `MixedAggregator` returns it.
      training: passed on to every head.
      return_branch_logits: whether the logits are returned too.

    Output shape:
      float32 (batch, classes), under every dtype policy. With `return_branch_logits` a tuple: that, its logits
      `sum_n w[n] * logits_n(r_n)`, and float32 (branches, batch, classes), those of every branch.

    Reference:
      Lin et al., "NeXtVLAD", ECCV-W 2018, section 3.4; linrongc/youtube-8m, nextvlad.MixNeXtVladModel.
    """

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.num_branches = len(heads)
        for index, head in enumerate(heads):
            setattr(self, f"head_{index}", head)

    @property
    def heads(self):
        """The branches' heads, in order."""
        return [getattr(self, f"head_{index}") for index in range(self.num_branches)]

    def build(self, input_shape):
        for head in self.heads:
            head.build((input_shape[0], self._width(input_shape)))

    def call(self, representation, training=None, return_branch_logits=False):
        weights = ops.cast(representation[:, -self.num_branches :], "float32")
        logits = self.branch_logits(representation, training)
        mixture = sum(weights[:, n : n + 1] * logits[n] for n in range(self.num_branches))
        predictions = ops.sigmoid(mixture)
        return (predictions, mixture, ops.stack(logits)) if return_branch_logits else predictions

    def branch_logits(self, representation, training=None):
        """float32 (batch, classes) of every branch, in order, before mixing."""
        width = self._width(representation.shape)
        parts = [representation[:, n * width : (n + 1) * width] for n in range(self.num_branches)]
        inputs = [head.classifier_input(x, training) for head, x in zip(self.heads, parts, strict=True)]
        return [ops.cast(head.classifier.logits(x), "float32") for head, x in zip(self.heads, inputs, strict=True)]

    def _width(self, shape):
        return (shape[-1] - self.num_branches) // self.num_branches

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.heads[0].classifier.num_classes)

    def get_config(self):
        return {**super().get_config(), "heads": [serialize_part(head) for head in self.heads]}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "heads": [revive_part(head) for head in config["heads"]]})


def build_aggregator(params, spec):
    """The aggregator of `MixNeXtVLADParams` for the features of `spec`; raises what NeXtVLAD's does."""
    branches = [nextvlad.build_aggregator(params, spec, name=f"branch_{n}") for n in range(params.mix_number)]
    options = (params.mask_padding, spec.frame_limit, params.batch_norm_momentum)
    return MixedAggregator(branches, *options, name="aggregator")


def build_mixed_head(config, num_classes, momentum):
    """The heads of all branches of a `ModelConfig` with `MixNeXtVLADParams`.

    Raises:
      InputError: a head without logits, or with gates on the probabilities, that mixing would pass by.
    """
    if config.head.video_level_classifier_model != "Logistic" or config.head.moe_prob_gating:
        raise InputError(
            f"{config.name} mixes the logits of its branches: it needs --video_level_classifier_model=Logistic and no "
            "--moe_prob_gating."
        )
    heads = [build_head(config.head, num_classes, momentum, f"head_{n}") for n in range(config.aggregator.mix_number)]
    return MixedHead(heads, name="head")
