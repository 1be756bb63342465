"""The weighted mean of several models' predictions as one graph, in which equal front ends are computed once."""

import dataclasses
import json
import os
import typing

import keras
import tensorflow as tf

from yt8m_distill.data.batches import input_signature, view
from yt8m_distill.export.load_time import LoadedTensor
from yt8m_distill.export.mediapipe import float_signature, float_view
from yt8m_distill.spec import union
from yt8m_distill.stored_weights import named_weights


@dataclasses.dataclass(frozen=True)
class _TracedMember:
    """A member's graph.

    Attributes:
      spec, weight: the member's.
      front_end: what tells its front end, and the frames that it reads, from others.
      read: view of a batch -> {"features", "num_frames"}, the latter of frames alone.
      read_floats: the same of dequantised frames, or None.
      classify: this -> {"predictions", "representation"}.
    """

    spec: typing.Any
    weight: float
    front_end: typing.Any
    read: typing.Any
    read_floats: typing.Any
    classify: typing.Any


class EnsembleGraph(tf.Module):
    """Members that are traced one by one; no model is needed once its graph is there.

    Args:
      specs: FeatureSpec of every member.
      folder: where the files of codes are written.
      floats: whether it can be given dequantised frames too.

    Attributes:
      source: FeatureSpec of the batches that it is given: whole videos.
    """

    def __init__(self, specs, folder, floats=False):
        super().__init__()
        self.source = union([whole_videos(spec) for spec in specs])
        self._folder = folder
        self._floats = floats
        self._tracked = []  # a SavedModel holds what hangs on its modules
        self._traced = []

    def add(self, member, model):
        """Traces a member.

        Args:
          member: Member.
          model: VideoClassifier, what `member.build()` returned. Its own variables are not part of the graph.
        """
        number = len(self._traced)
        weights = {
            name: _stored_variable(f"{number}/{name}", tensor, self._folder) for name, tensor in member.tensors.items()
        }
        for weight in weights.values():
            self._tracked += weight.tracked if isinstance(weight, LoadedTensor) else [weight]
        graphs = _trace(model, member.spec, weights, self._floats)
        self._traced.append(_TracedMember(member.spec, member.weight, _front_end_key(model, member.spec), *graphs))

    @property
    def sampled_frames(self):
        """How many frames each member samples, 0 for those that read all."""
        return [traced.spec.sampled_frames for traced in self._traced]

    def __call__(self, inputs):
        """{"predictions": float32 (batch, classes)} of whole videos; of a single member its "representation" too."""
        inputs = _cut(inputs, self.source)
        return self._predict(lambda traced: traced.read(view(inputs, traced.spec, self.source)))

    def of_floats(self, frames):
        """As a call, of dequantised frames: {name: float32 (batch, T, size)}, zero behind the last one, num_frames."""
        return self._predict(lambda traced: traced.read_floats(float_view(frames, traced.spec)))

    def _predict(self, read):
        features, outputs = {}, []
        for traced in self._traced:
            if traced.front_end not in features:
                features[traced.front_end] = read(traced)
            outputs.append(traced.classify(features[traced.front_end]))
        if len(outputs) == 1:
            return outputs[0]
        weighted = zip(self._traced, outputs, strict=True)
        return {"predictions": tf.add_n([traced.weight * each["predictions"] for traced, each in weighted])}


def whole_videos(spec):
    """The FeatureSpec of the videos of which `spec` samples frames."""
    return dataclasses.replace(spec, sampled_frames=0, frame_sampler="uniform")


def _stored_variable(name, tensor, folder):
    if tensor.kind == "plain":
        return tf.Variable(tensor.values, trainable=False, name=name.replace(":", "_"))
    return LoadedTensor(name, tensor, os.path.join(folder, name.replace("/", "__") + ".codes"))


def _trace(model, spec, weights, floats):
    """(read, read_floats, classify) of a model as graphs; the last reads `weights` in the place of its variables."""

    def read_features(inputs):
        return {name: value for name, value in model.read(inputs).items() if value is not None}

    read = _graph(read_features, input_signature(spec))
    signature = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), read.structured_outputs)

    def classify(features):
        values = [(variable, weights[name].read_value()) for name, variable in named_weights(model).items()]
        with keras.StatelessScope(state_mapping=values):
            return model.classify(**features)

    read_floats = _graph(read_features, float_signature(spec)) if floats else None
    return read, read_floats, _graph(classify, signature)


def _graph(function, signature):
    return tf.function(function, autograph=False, input_signature=[signature]).get_concrete_function()


def _front_end_key(model, spec):
    """Equal for models whose `read` gives the same of a video."""
    config = model.front_end.get_config()
    scaling = [config[name] for name in ("normalization", "reverse_whitening", "dtype")]
    return json.dumps([scaling, spec.names, spec.sampling], sort_keys=True)


def _cut(inputs, source):
    """Without the frames that reading the same video from a record would leave out, and those that are not there."""
    if not source.has_frames:
        return inputs
    cut = {name: inputs[name][:, : source.max_frames] for name in source.names}
    rows = tf.shape(cut[source.names[0]])[1]
    return {**cut, "num_frames": tf.clip_by_value(inputs["num_frames"], 0, rows)}
