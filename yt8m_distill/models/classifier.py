"""The one kind of model: front end, aggregator, head."""

import keras

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import (
    BidirectionalGRUParams,
    BidirectionalLSTMParams,
    DBoFParams,
    DualPathGRUParams,
    FastGRUParams,
    FisherVectorParams,
    FrameAttentionParams,
    FrameLevelLogisticParams,
    GatedDBoFParams,
    GRUParams,
    HiddenLayerParams,
    HierarchicalRNNParams,
    LSTMParams,
    MixNeXtVLADParams,
    NetVLADParams,
    NeXtVLADParams,
    SoftDBoFParams,
    VideoMeansParams,
)
from yt8m_distill.models import (
    dbof,
    dual_path_gru,
    fast_gru,
    fisher_vector,
    frame_attention,
    frame_level_logistic,
    hierarchical_rnn,
    mix_nextvlad,
    netvlad,
    nextvlad,
    rnn,
    video_level,
)
from yt8m_distill.models.front_end import build_front_end
from yt8m_distill.models.heads import build_head
from yt8m_distill.models.parts import revive_part, serialize_part

_AGGREGATORS = {
    NeXtVLADParams: nextvlad.build_aggregator,
    MixNeXtVLADParams: mix_nextvlad.build_aggregator,
    NetVLADParams: netvlad.build_aggregator,
    FisherVectorParams: fisher_vector.build_aggregator,
    DBoFParams: dbof.build_dbof,
    SoftDBoFParams: dbof.build_soft_dbof,
    GatedDBoFParams: dbof.build_gated_dbof,
    FrameAttentionParams: frame_attention.build_aggregator,
    LSTMParams: rnn.build_lstm,
    GRUParams: rnn.build_gru,
    BidirectionalLSTMParams: rnn.build_bidirectional_lstm,
    BidirectionalGRUParams: rnn.build_bidirectional_gru,
    DualPathGRUParams: dual_path_gru.build_aggregator,
    HierarchicalRNNParams: hierarchical_rnn.build_aggregator,
    FastGRUParams: fast_gru.build_aggregator,
    FrameLevelLogisticParams: frame_level_logistic.build_aggregator,
    VideoMeansParams: video_level.build_video_means,
    HiddenLayerParams: video_level.build_hidden_layer,
}
_STATES_ARE_IN = (
    "LSTM, GRU, the bidirectional ones, DualPathGRU, HRNN and FASTGRU have them, unless they read backward, average "
    "the clips or draw frames (--iterations)"
)


@keras.saving.register_keras_serializable(package="yt8m_distill")
class VideoClassifier(keras.Model):
    """`head(aggregator(front_end(features)))`, for teachers and students alike.

    Args:
      front_end: layer: features (and num_frames) -> float features.
      aggregator: layer: float features (and num_frames) -> representation (batch, d).
      head: layer: representation -> float32 probabilities (batch, classes).
      feature_sizes: {feature name: size}, in the order in which the aggregator sees the features.
      has_frames: whether inputs are sequences of frames with a `num_frames`, or video-level features.

    Call arguments:
      inputs: dict. Every feature by name: uint8 or float (batch, frames, size) and `num_frames` int (batch,), or
        float (batch, size) without `num_frames` at video level. Other keys (labels, id) are ignored.
      training: whether dropout and batch norm are in training mode.
      return_states: whether the intermediate states are returned too, where `has_states`.
      return_branch_logits: whether the logits of the branches are returned too, where `has_branches`.

    Returns:
      {"predictions": float32 (batch, classes), "representation": (batch, d) in the compute dtype}. Padded frames
      change neither; a video without frames gives finite numbers. With `return_states` also

      - "states": (batch, S, d) in the compute dtype, what the representation would be after the first frames of each
        video: after every frame or clip, of H-RNN after every chunk. Finite, without meaning, past a video's end;
      - "frames_read": int32 (S,), how many frames each state has read, of a video that has as many.

      With `return_branch_logits` also "mixture_logits", float32 (batch, classes), of which the predictions are the
      sigmoid, and "branch_logits", float32 (branches, batch, classes).

    Raises:
      ValueError: a feature or `num_frames` is missing from the inputs.
      InputError: states or branches are asked of a model without.
    """

    def __init__(self, front_end, aggregator, head, feature_sizes, has_frames=True, **kwargs):
        super().__init__(**kwargs)
        self.front_end = front_end
        self.aggregator = aggregator
        self.head = head
        self.feature_sizes = dict(feature_sizes)
        self.has_frames = has_frames

    @property
    def has_states(self):
        """Whether the aggregator reads the frames in their order and every frame counts, so that it can return states.

        A front end that draws frames loses their place in the video.
        """
        return getattr(self.aggregator, "has_states", False) and self.front_end.sampling is None

    @property
    def has_branches(self):
        """Whether the predictions are those of a mixture of branches."""
        return isinstance(self.head, mix_nextvlad.MixedHead)

    def build(self, input_shape=None):
        """Creates all weights. They depend on `feature_sizes` alone, so the shapes of a batch are not needed."""
        batch = (None, None) if self.has_frames else (None,)
        shapes = {name: (*batch, size) for name, size in self.feature_sizes.items()}
        self.front_end.build(shapes)
        if not self.aggregator.built:
            self.aggregator.build(shapes)
        if not self.head.built:
            self.head.build(self.aggregator.compute_output_shape(shapes))

    def call(self, inputs, training=None, return_states=False, return_branch_logits=False):
        features, num_frames = self.front_end(*self._frames(inputs), training=training)
        return self._outputs(features, num_frames, training, return_states, return_branch_logits)

    def read(self, inputs):
        """The first part of a call outside of training, without weights: models with equal front ends share it.

        Returns:
          {"features": of `FrontEnd.scale`, "num_frames": None at video level}.
        """
        features, num_frames = self._frames(inputs)
        return {"features": self.front_end.scale(features, num_frames), "num_frames": num_frames}

    def classify(self, features, num_frames=None):
        """The rest of a call outside of training: what `read` returns to what a call returns."""
        features = self.front_end.batch_normalize(features, num_frames, training=False)
        return self._outputs(features, num_frames, training=False)

    def _frames(self, inputs):
        """(features, num_frames) of a batch; num_frames is None at video level."""
        expected = [*self.feature_sizes, *(["num_frames"] if self.has_frames else [])]
        if missing := [key for key in expected if key not in inputs]:
            raise ValueError(f"The batch lacks {', '.join(missing)}: it has {', '.join(sorted(inputs))}.")
        features = {name: inputs[name] for name in self.feature_sizes}
        return features, inputs["num_frames"] if self.has_frames else None

    def _outputs(self, features, num_frames, training, return_states=False, return_branch_logits=False):
        """What a call returns, of what the front end returns."""
        outputs = self._aggregate(features, num_frames, training, return_states)
        if not return_branch_logits:
            return {"predictions": self.head(outputs["representation"], training=training), **outputs}
        if not self.has_branches:
            raise InputError(f"{self.name} has no branches: MixNeXtVLAD is the one family that has.")
        results = self.head(outputs["representation"], training=training, return_branch_logits=True)
        return {**dict(zip(("predictions", "mixture_logits", "branch_logits"), results, strict=True)), **outputs}

    def _aggregate(self, features, num_frames, training, return_states):
        """What the aggregator returns, by name."""
        counts = [num_frames] if self.has_frames else []
        if not return_states:
            return {"representation": self.aggregator(features, *counts, training=training)}
        if not self.has_states:
            raise InputError(f"{self.name} has no intermediate states: {_STATES_ARE_IN}.")
        results = self.aggregator(features, *counts, training=training, return_states=True)
        return dict(zip(("representation", "states", "frames_read"), results, strict=True))

    @property
    def representation_size(self):
        """Values of the representation, d."""
        frames = (None, None) if self.has_frames else (None,)
        shapes = {name: (*frames, size) for name, size in self.feature_sizes.items()}
        return self.aggregator.compute_output_shape(shapes)[-1]

    def get_config(self):
        return {
            **super().get_config(),
            "front_end": serialize_part(self.front_end),
            "aggregator": serialize_part(self.aggregator),
            "head": serialize_part(self.head),
            "feature_sizes": self.feature_sizes,
            "has_frames": self.has_frames,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        parts = ("front_end", "aggregator", "head")
        layers = {part: revive_part(config[part], custom_objects) for part in parts}
        return cls(**{**config, **layers})


def build_model(config, spec, seed=None, head=None):
    """The model of `config` for the data of `spec`, with its weights created.

    Args:
      config: `ModelConfig`.
      spec: `FeatureSpec`.
      seed: makes weights and dropout a function of it; sets Keras's, NumPy's and Python's global seeds.
      head: another model's head, which is then shared with it, instead of one of its own.

    Returns:
      A built `VideoClassifier`.

    Raises:
      InputError: the model reads frames and the data holds none, or the other way round; numbers that do not fit the
        features.
    """
    if (config.level == "frame") != spec.has_frames:
        raise InputError(
            f"{config.name} reads {config.level}-level features and the data is {spec.level}-level: choose another "
            "--model or other records."
        )
    if seed is not None:
        keras.utils.set_random_seed(seed)
    momentum = getattr(config.aggregator, "batch_norm_momentum", 0.999)
    model = VideoClassifier(
        front_end=build_front_end(config.front_end, spec, momentum),
        aggregator=_AGGREGATORS[type(config.aggregator)](config.aggregator, spec),
        head=head or _build_head(config, spec.num_classes, momentum),
        feature_sizes=spec.size_by_name,
        has_frames=spec.has_frames,
        name=config.name or "video_classifier",
    )
    model.build()
    return model


def _build_head(config, num_classes, momentum):
    if isinstance(config.aggregator, MixNeXtVLADParams):
        return mix_nextvlad.build_mixed_head(config, num_classes, momentum)
    return build_head(config.head, num_classes, momentum)
