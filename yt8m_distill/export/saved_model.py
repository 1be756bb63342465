"""One model or several as a SavedModel that needs TensorFlow alone."""

import dataclasses
import gc
import json
import os
import shutil

import numpy as np
import tensorflow as tf

from yt8m_distill.data import records
from yt8m_distill.data.batches import input_signature, model_inputs, view
from yt8m_distill.errors import InputError
from yt8m_distill.export.budget import measure, require_fit
from yt8m_distill.export.ensemble_graph import EnsembleGraph, whole_videos
from yt8m_distill.export.mediapipe import mediapipe_endpoint, require_frames, side_by_side
from yt8m_distill.export.members import require_fixed_frames, with_unit_sum
from yt8m_distill.export.model_card import CARD
from yt8m_distill.export.random_videos import as_records, random_videos
from yt8m_distill.spec import union
from yt8m_distill.written_aside import folder_aside, require_replaceable

_TOLERANCE = 1e-5
DEFAULT_BUDGET_MIB = 1024.0
FORMS = ("records", "mediapipe")


class ServedModel(tf.Module):
    """The signatures of an export, and what it says of itself.

    `serving_default`: `example_bytes` string (batch,), serialized records -> `video_id` string (batch,),
    `class_indexes` int32 (batch, k), `predictions` float32 (batch, k), best first: the starter code's names.
    `features`: whole videos (uint8 frames and num_frames, or float means) -> `predictions` float32 (batch, classes)
    and, of a single model, `representation` float32 (batch, d). Frames past max_frames do not count, and models that
    sample frames sample them inside.
    `spec_json()`: string (), the FeatureSpec of these videos.
    `sampled_frames()`: int32 (models,), how many of their frames each model reads, 0 for all.
    Of the form "mediapipe", `serving_default` is `mediapipe_endpoint`'s instead.
    """

    def __init__(self, graph, top_k, form="records"):
        super().__init__()
        self.graph = graph
        spec = graph.source
        parse = records.parse_frames if spec.has_frames else records.parse_videos
        whole = dataclasses.replace(spec, level="frame") if spec.has_frames else spec  # of rated segments, too

        @tf.function(input_signature=[input_signature(spec)], autograph=False)
        def features(inputs):
            return graph(inputs)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "example_bytes")], autograph=False)
        def serve(example_bytes):
            batch = parse(example_bytes, whole, labelled=False)
            scores, classes = tf.math.top_k(graph(model_inputs(batch, spec))["predictions"], top_k)
            return {"video_id": batch["id"], "class_indexes": classes, "predictions": scores}

        @tf.function(input_signature=[])
        def spec_json():
            return tf.constant(json.dumps(dataclasses.asdict(spec)))

        @tf.function(input_signature=[])
        def sampled_frames():
            return tf.constant(graph.sampled_frames, tf.int32)

        if form == "mediapipe":
            serve = mediapipe_endpoint(lambda frames: graph.of_floats(frames)["predictions"], spec)
        self.spec_json, self.sampled_frames = spec_json, sampled_frames
        self.endpoints = {"serving_default": serve, "features": features}


def export_members(
    members,
    directory,
    *,
    top_k=20,
    budget_mib=DEFAULT_BUDGET_MIB,
    overwrite=False,
    form="records",
    finish=None,
):
    """Writes a SavedModel aside, checks its answers and its size, and gives it its name.

    Its predictions are the mean of the members', by their weights. What a member stores as codes stays codes on disk
    and becomes floats once, when the SavedModel is loaded. Members are in memory as floats one by one, and all together
    once, when the SavedModel is loaded to check it.

    Args:
      members: Members, at least one, of one level and number of classes.
      directory: folder to write; it appears when everything is well.
      top_k: classes that `serving_default` returns, at most the model's.
      budget_mib: largest size of all files, in MiB (2**20 bytes).
      overwrite: replace an earlier export that has its model card, with all that its folder holds. A folder without a
        card is never replaced.
      form: of `serving_default`, one of `FORMS`.
      finish: called with the complete folder before it has its name, the FeatureSpec of the videos it takes, and the
        largest difference; what it writes there is part of the export, and of its size.

    Returns:
      (SizeReport, largest difference between the predictions of both signatures on random videos and the weighted sum
      of what the members predict in this process).

    Raises:
      InputError: over budget, other predictions than the members', weights that do not sum to one, frames drawn at
        random, or the folder holds something; it stays as it was and nothing else is left behind.
    """
    members = with_unit_sum(members)
    require_fixed_frames((member.name or member.model.name, member.spec) for member in members)
    require_replaceable(os.path.normpath(directory), CARD, overwrite)
    if budget_mib <= 0:
        raise InputError(f"--size_budget_mb={budget_mib}: expected a number above 0.")
    source = union([whole_videos(member.spec) for member in members])
    if form == "mediapipe":
        require_frames(source)
    inputs = _random_inputs(source, most=max(member.spec.sampled_frames for member in members))
    with folder_aside(directory, CARD, overwrite) as aside:
        expected = _save(members, aside, top_k, inputs, form)
        require_fit(measure(aside, members, budget_mib), members)
        difference = _largest_difference(aside, inputs, expected, source, form)
        if not difference <= _TOLERANCE:
            raise InputError(
                f"{directory}: the export's answers differ from the members' by {difference:.1e}, not kept."
            )
        if finish:
            finish(aside, source, difference)
        report = measure(aside, members, budget_mib)
        require_fit(report, members)
    return report, difference


def _save(members, directory, top_k, inputs, form):
    """Writes the SavedModel and returns the weighted sum of the members' predictions."""
    codes = os.path.join(directory, "codes")
    os.makedirs(codes)
    graph = EnsembleGraph([member.spec for member in members], codes, floats=form == "mediapipe")
    expected = 0.0
    for member in members:
        model = member.build()
        expected += member.weight * _predictions(model, view(inputs, member.spec, graph.source))
        graph.add(member, model)
        del model
        if len(members) > 1:
            gc.collect()  # Keras layers refer to each other in circles
    module = ServedModel(graph, min(top_k, graph.source.num_classes), form)
    tf.saved_model.save(module, directory, signatures=module.endpoints)
    shutil.rmtree(codes)
    return expected


def _predictions(model, inputs):
    return np.asarray(model(inputs, training=False)["predictions"])


def _largest_difference(directory, inputs, expected, source, form):
    loaded = tf.saved_model.load(directory)
    served = loaded.signatures["features"](**inputs)["predictions"].numpy() - expected
    more = _mediapipe_difference if form == "mediapipe" else _records_difference
    differences = served, more(loaded.signatures["serving_default"], inputs, expected, source)
    return float(np.max([np.abs(difference).max() for difference in differences]))  # Python's max would drop NaN


def _mediapipe_difference(serve, inputs, expected, source):
    return serve(**side_by_side(inputs, source))["predictions"].numpy() - expected


def _records_difference(serve, inputs, expected, source):
    """Of the best scores to those expected of their classes, and to the best that are expected."""
    records = as_records({name: values.numpy() for name, values in inputs.items()}, source)
    served = serve(example_bytes=tf.constant(records))
    classes, scores = served["class_indexes"].numpy(), served["predictions"].numpy()
    best = -np.sort(-expected, axis=1)[:, : scores.shape[1]]
    return np.stack([scores - np.take_along_axis(expected, classes, axis=1), scores - best])


def _random_inputs(spec, most, videos=4):
    """Whole videos of up to 12 frames, or 5 more than `most` are sampled."""
    rows = min(spec.max_frames, max(12, most + 5))
    return tf.nest.map_structure(tf.constant, random_videos(np.random.default_rng(0), spec, videos, rows))
