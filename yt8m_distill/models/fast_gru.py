"""FAST-GRU and the aggregations of clips it was compared with."""

import keras
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fast_gru import CLIP_AGGREGATIONS
from yt8m_distill.layers import recurrence
from yt8m_distill.layers.concat_aggregation import ConcatAggregation
from yt8m_distill.layers.fast_gru import FastGRU
from yt8m_distill.layers.frame_mean import FrameMean
from yt8m_distill.layers.gru import GRU
from yt8m_distill.layers.lstm import LSTM


@keras.saving.register_keras_serializable(package="yt8m_distill")
class ClipAggregator(keras.layers.Layer):
    """Clips, one a frame of the batch, aggregated into one vector of `channels` values.

    A clip's feature is a map stored position after position; a pooled feature is a map of one position. The clip is
    either one of two features, of an expensive and of a lightweight clip model, or all features side by side at every
    position. It is projected to `channels` (with a bias) unless it has as many; then

    - "fast_gru" and "concat" run `FastGRU` and `ConcatAggregation` over the maps and average the last state over the
      positions;
    - "gru" and "lstm" read the clips averaged over the positions, from a state of zeros; the last output counts;
    - "average" averages clips and positions. For scores linear in the features (a logistic head's before the
      sigmoid) that is the average of the clips' scores.

    Args:
      aggregation: fast_gru, gru, lstm, concat or average.
      positions: positions of a feature map; must divide every feature's size.
      expensive_every: with N > 0, clip t is the first of two features of one size where `t % N == 0`, and the second
        otherwise; with 0 it is all features side by side.
      channels: width of the representation; 0 for the clip's own channels.
      reduction: see `FastGRU`.
      momentum: see `ConcatAggregation`.

    Call arguments:
      features: dict of name -> float (batch, clips, positions * channels of the feature).
      num_frames: int (batch,), valid clips of each video.
      training: whether "concat" normalises by the moments of this batch.
      return_states: whether the states after every clip are returned too; "average" has none.

    Output shape:
      (batch, channels). Padded clips change nothing; without clips it is zero, for "average" the projection's bias.
      The order of the clips matters, except for "average". With `return_states` a tuple: that, the states (batch,
      clips, channels), past a video's end its last one again ("fast_gru", "concat") or zero ("gru", "lstm"), and int32
      (clips,), the clips that each has read.

    Reference:
      Zhu et al., "FASTER Recurrent Networks for Efficient Video Classification", AAAI 2020.
    """

    def __init__(
        self,
        aggregation="fast_gru",
        positions=1,
        expensive_every=0,
        channels=0,
        reduction=4,
        momentum=0.999,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if aggregation not in CLIP_AGGREGATIONS:
            raise ValueError(f"aggregation must be one of {', '.join(CLIP_AGGREGATIONS)}. Received: {aggregation=}")
        if positions < 1 or min(expensive_every, channels) < 0:
            raise ValueError(
                "positions must be at least 1, expensive_every and channels at least 0. Received: "
                f"{positions=}, {expensive_every=}, {channels=}"
            )
        self.aggregation = aggregation
        self.positions = positions
        self.expensive_every = expensive_every
        self.channels = channels
        self.reduction = reduction
        self.momentum = momentum
        self.mean = FrameMean(dtype=self.dtype_policy, name="mean")

    def build(self, features_shape, num_frames_shape=None):
        width, channels = self._clip_channels(features_shape), self._width(features_shape)
        self.projection = None
        if width != channels:
            self.projection = keras.layers.Dense(channels, dtype=self.dtype_policy, name="projection")
            self.projection.build((None, None, width))
        self.recurrence = self._recurrence(channels)
        if self.recurrence is not None:
            self.recurrence.build((None, None, *([self.positions] if self._keeps_positions else []), channels))

    @property
    def has_states(self):
        """Whether there are states on the way."""
        return self.aggregation != "average"

    @property
    def _keeps_positions(self):
        return self.aggregation in ("fast_gru", "concat")

    def _recurrence(self, channels):
        options = {"dtype": self.dtype_policy, "name": self.aggregation}
        layers = {
            "fast_gru": lambda: FastGRU(self.reduction, **options),
            "concat": lambda: ConcatAggregation(self.momentum, **options),
            "gru": lambda: GRU(channels, **options),
            "lstm": lambda: LSTM(channels, **options),
            "average": lambda: None,
        }
        return layers[self.aggregation]()

    def call(self, features, num_frames, training=None, return_states=False):
        clips = self._clips(features)
        if self.aggregation == "average":
            return self._project(self.mean(self._over_positions(clips), num_frames))
        run = self._run_over_maps if self._keeps_positions else self._run_over_pooled_clips
        last, *states = run(clips, num_frames, training, return_states)
        return (last, *states, recurrence.frames_read(ops.shape(clips)[1])) if return_states else last

    def _run_over_maps(self, clips, num_frames, training, return_states):
        """The last state and, if asked for, those after every clip."""
        options = {"training": training} if self.aggregation == "concat" else {}
        maps = self.recurrence(self._project(clips), num_frames, return_states=return_states, **options)
        return [self._over_positions(x) for x in (maps if return_states else (maps,))]

    def _run_over_pooled_clips(self, clips, num_frames, training, return_states):
        """As `_run_over_maps`."""
        states, last = self.recurrence(self._project(self._over_positions(clips)), num_frames)
        last = last[0] if self.aggregation == "lstm" else last
        return [last, states] if return_states else [last]

    def _clips(self, features):
        """The clips (batch, clips, positions, channels) that the recurrence is to see."""
        maps = [self._map(x) for x in features.values()]
        if not self.expensive_every:
            return ops.concatenate(maps, axis=-1)
        expensive, light = maps
        is_expensive = ops.arange(ops.shape(light)[1]) % self.expensive_every == 0
        return ops.where(is_expensive[None, :, None, None], expensive, light)

    def _map(self, x):
        return ops.reshape(x, (*ops.shape(x)[:2], self.positions, x.shape[-1] // self.positions))

    def _over_positions(self, maps):
        """Mean over the positions, the last axis but one."""
        return ops.cast(ops.mean(ops.cast(maps, "float32"), axis=-2), self.compute_dtype)

    def _project(self, x):
        return x if self.projection is None else self.projection(x)

    def _clip_channels(self, features_shape):
        """Channels of a clip before the projection."""
        sizes = [shape[-1] for shape in features_shape.values()]
        return (sizes[0] if self.expensive_every else sum(sizes)) // self.positions

    def _width(self, features_shape):
        return self.channels or self._clip_channels(features_shape)

    def compute_output_shape(self, features_shape, num_frames_shape=None):
        return (next(iter(features_shape.values()))[0], self._width(features_shape))

    def get_config(self):
        return {
            **super().get_config(),
            "aggregation": self.aggregation,
            "positions": self.positions,
            "expensive_every": self.expensive_every,
            "channels": self.channels,
            "reduction": self.reduction,
            "momentum": self.momentum,
        }


def build_aggregator(params, spec):
    """The aggregator of `FastGRUParams` for the features of `spec`.

    Raises:
      InputError: `clip_positions` does not divide a feature, or `expensive_every` finds other than two features of one
        size.
    """
    for name, size in spec.size_by_name.items():
        if size % params.clip_positions:
            raise InputError(
                f"{name} has {size} values a clip, which --clip_positions={params.clip_positions} does not divide: "
                "give the positions (frames x height x width) of the stored feature maps, 1 for pooled features."
            )
    if params.expensive_every and (len(spec.sizes) != 2 or len(set(spec.sizes)) != 1):
        features = ", ".join(f"{name} of {size}" for name, size in spec.size_by_name.items())
        raise InputError(
            f"--expensive_every={params.expensive_every} chooses between two features of one size, the expensive clip "
            f"model's and the lightweight one's; the data has {features}: name two with --feature_names, or read all "
            "of them with --expensive_every=0."
        )
    return ClipAggregator(
        aggregation=params.clip_aggregation,
        positions=params.clip_positions,
        expensive_every=params.expensive_every,
        channels=params.fast_gru_channels,
        reduction=params.fast_gru_reduction,
        momentum=params.batch_norm_momentum,
        name="aggregator",
    )
