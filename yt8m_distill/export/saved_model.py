"""A model as a SavedModel that needs TensorFlow alone."""

import os
import shutil

import numpy as np
import tensorflow as tf

from yt8m_distill.data import records
from yt8m_distill.data.batches import input_signature, model_inputs
from yt8m_distill.errors import InputError
from yt8m_distill.export.budget import measure, require_fit

_TOLERANCE = 1e-5
DEFAULT_BUDGET_MIB = 1024.0


class ServedModel(tf.Module):
    """The signatures of an export.

    `serving_default`: `example_bytes` string (batch,), serialized records -> `video_id` string (batch,),
    `class_indexes` int32 (batch, k), `predictions` float32 (batch, k), best first: the starter code's names.
    `features`: the model's inputs (uint8 frames and num_frames, or float means) -> `predictions` float32
    (batch, classes), `representation` float32 (batch, d).
    """

    def __init__(self, model, spec, top_k):
        super().__init__()
        self._tracked = [variable.value for variable in model.weights]
        parse = records.parse_frames if spec.has_frames else records.parse_videos

        @tf.function(input_signature=[input_signature(spec)])
        def features(inputs):
            return dict(model(inputs, training=False))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "example_bytes")])
        def serve(example_bytes):
            batch = parse(example_bytes, spec, labelled=False)
            scores, classes = tf.math.top_k(model(model_inputs(batch, spec), training=False)["predictions"], top_k)
            return {"video_id": batch["id"], "class_indexes": classes, "predictions": scores}

        self.endpoints = {"serving_default": serve, "features": features}


def export(model, spec, directory, *, top_k=20, budget_mib=DEFAULT_BUDGET_MIB, overwrite=False):
    """Writes a SavedModel aside, checks its answers and its size, and gives it its name.

    Args:
      model: VideoClassifier.
      spec: its FeatureSpec.
      directory: folder to write; it appears when everything is well.
      top_k: classes that `serving_default` returns, at most the model's.
      budget_mib: largest size of all files, in MiB (2**20 bytes).
      overwrite: replace an earlier export. A folder that holds something else is never replaced.

    Returns:
      (SizeReport, largest difference between the export's predictions and the model's own on random features).

    Raises:
      InputError: over budget, other predictions than the model's, frames drawn at random, or the folder holds
        something; it stays as it was and nothing else is left behind.
    """
    if spec.frame_sampler == "random":
        raise InputError(
            "the run reads frames drawn at random by each video's id (--frame_sampler=random), and a SavedModel cannot "
            "draw them: export a run with another --frame_sampler."
        )
    directory = os.path.normpath(directory)
    _require_replaceable(directory, overwrite)
    if budget_mib <= 0:
        raise InputError(f"--size_budget_mb={budget_mib}: expected a number above 0.")
    aside = f"{directory}.{os.getpid()}.partial"
    os.makedirs(aside)
    try:
        module = ServedModel(model, spec, min(top_k, spec.num_classes))
        tf.saved_model.save(module, aside, signatures=module.endpoints)
        difference = _largest_difference(model, spec, aside)
        if not difference <= _TOLERANCE:
            raise InputError(
                f"{directory}: the export's answers differ from the model's by {difference:.1e}, not kept."
            )
        report = measure(aside, model.weights, budget_mib)
        require_fit(report)
        _replace(directory, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report, difference


def _require_replaceable(directory, overwrite):
    if os.path.isdir(directory) and not os.listdir(directory):
        return
    if os.path.exists(os.path.join(directory, "saved_model.pb")):
        if not overwrite:
            raise InputError(f"{directory} holds an export: give another --output_dir, or --overwrite.")
    elif os.path.exists(directory):
        raise InputError(f"{directory} exists and is no export (no saved_model.pb in it): give another --output_dir.")


def _replace(directory, aside):
    """Gives `aside` the name `directory`; an old folder of that name goes once the new one stands."""
    old = f"{directory}.{os.getpid()}.old"
    if os.path.exists(directory):
        os.rename(directory, old)
    os.rename(aside, directory)
    shutil.rmtree(old, ignore_errors=True)


def _largest_difference(model, spec, directory):
    inputs = _random_inputs(spec)
    served = tf.saved_model.load(directory).signatures["features"](**inputs)["predictions"]
    return float(np.abs(served.numpy() - np.asarray(model(inputs, training=False)["predictions"])).max())


def _random_inputs(spec, videos=4):
    random = np.random.default_rng(0)
    if not spec.has_frames:
        return {
            name: tf.constant(random.normal(size=(videos, size)), tf.float32)
            for name, size in spec.size_by_name.items()
        }
    frames = min(spec.frame_limit, 12)
    inputs = {
        name: tf.constant(random.integers(0, 256, (videos, frames, size)), tf.uint8)
        for name, size in spec.size_by_name.items()
    }
    return {**inputs, "num_frames": tf.constant(random.integers(1, frames + 1, videos), tf.int32)}
