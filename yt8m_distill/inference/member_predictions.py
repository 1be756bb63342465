"""Several models over the same labelled records, together: what a search for the weights of their ensemble needs."""

import hashlib
import json
import os

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.kept_predictions import KeptPredictions, read_kept, write_kept
from yt8m_distill.data.batches import drawing_specs, multi_hot, view, with_random_positions
from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.data.shard_fingerprint import shard_fingerprint
from yt8m_distill.data.shards import count_records
from yt8m_distill.errors import InputError
from yt8m_distill.run_config import restore_model
from yt8m_distill.spec import union
from yt8m_distill.written_aside import require_writable

DEFAULT_KEPT = 100  # classes of a video: holds the 20 best of any mean of nine members in 99.97 % of videos


def stored_predictions(path, runs, shards, *, kept=DEFAULT_KEPT, **reading):
    """`predict_members` of runs, read from a file where that holds them, else predicted and written there.

    Args:
      path: an .npz file, there or not; None writes none.
      runs: Runs, one a member; their `member_checksum` tells whose predictions the file holds. Models are restored
        where they have to predict.
      shards, kept, reading: as in `predict_members`.

    Raises:
      InputError: the file holds predictions of other members or records, or of another number of classes.
    """
    if path is None:
        return _predict_runs(runs, shards, kept, reading)
    made_from = {
        "members (weights, features, model)": [member_checksum(run) for run in runs],
        "records": [[os.path.basename(shard), *shard_fingerprint(shard)] for shard in shards],
        "number of kept classes": kept,
    }
    if os.path.exists(path):
        return read_kept(path, made_from)
    require_writable(path)
    predictions = _predict_runs(runs, shards, kept, reading)
    write_kept(path, predictions, made_from)
    return predictions


def member_checksum(run):
    """SHA-256, hexadecimal, of all that decides what a Run predicts: checkpoint, use_ema, features and model.

    The same weights predict otherwise where a model samples other frames, or normalises them otherwise.
    """
    config = run.config.to_dict()
    parts = [checkpoint_checksum(run.checkpoint), run.use_ema, config["features"], config["model"]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _predict_runs(runs, shards, kept, reading):
    specs = [run.config.features for run in runs]
    return predict_members([restore_model(run) for run in runs], specs, shards, kept=kept, **reading)


def predict_members(models, specs, shards, *, kept=DEFAULT_KEPT, progress=True, **reading):
    """Reads the records once and runs every model on what it would see of them alone.

    Args:
      models, specs: VideoClassifiers, and the FeatureSpec of each; frames and features may differ.
      shards: labelled TFRecord files, at frame or video level.
      kept: classes kept of each video; as many as there are classes are always exact.
      progress: whether to show a progress bar on stderr, where that is a terminal.
      **reading: fields of `ReadOptions`.

    Returns:
      KeptPredictions, videos in the order in which they were read.

    Raises:
      InputError: the specs do not go together or are of segment level, a record cannot be read, none has a label, or a
        prediction is not a finite number.
    """
    source = union(specs)
    if source.level == "segment":
        raise InputError(
            "the members were trained on segments: weights are searched on videos of frame or video level."
        )
    step, columns = _make_step(models, specs, source, min(kept, source.num_classes)), {}
    with tqdm(total=count_records(shards), unit="video", desc="members", disable=None if progress else True) as bar:
        for batch in _batches(shards, specs, source, ReadOptions(**reading)):
            parts = {key: part.numpy() for key, part in step({k: batch[k] for k in batch if k != "id"}).items()}
            _require_finite(parts)
            for key, part in {"ids": batch["id"].numpy().astype(bytes), **parts}.items():
                columns.setdefault(key, []).append(part)
            bar.update(len(batch["id"]))
    if not any(labels.any() for labels in columns.get("num_labels", [])):
        raise InputError(f"{shards[0]} and {len(shards) - 1} more hold no labels: expected labelled records.")
    return _joined(columns)


def _batches(shards, specs, source, options):
    batches = read_batches(shards, source, options)
    for spec in drawing_specs(specs, source):
        batches = batches.map(lambda batch, spec=spec: with_random_positions(batch, spec))
    return checked(batches, shards, source)


def _make_step(models, specs, source, kept):
    """Compiles a function of a batch to its part of every field of KeptPredictions but the ids."""

    @tf.function(reduce_retracing=True)
    def step(batch):
        outputs = [model(view(batch, spec, source), training=False) for model, spec in zip(models, specs, strict=True)]
        predictions = [tf.cast(output["predictions"], tf.float32) for output in outputs]
        labels = multi_hot(batch["labels"], source.num_classes) > 0
        classes = _best_ranked(predictions, kept)
        return {
            "scores": tf.stack([tf.gather(p, classes, batch_dims=1) for p in predictions]),
            "floors": tf.stack([_highest_outside(p, classes) for p in predictions]),
            "hits": tf.gather(labels, classes, batch_dims=1),
            "num_labels": tf.reduce_sum(tf.cast(labels, tf.int32), axis=1),
        }

    return step


def _best_ranked(predictions, kept):
    """int32 (batch, kept), ascending: the classes of the best rank in any member; of equal ranks the lower class."""
    best = tf.fill(tf.shape(predictions[0]), kept)
    ranks = tf.broadcast_to(tf.range(kept), [tf.shape(best)[0], kept])
    for scores in predictions:
        order = tf.math.top_k(scores, kept).indices
        best = tf.tensor_scatter_nd_min(best, _places(order), ranks)
    return tf.sort(tf.math.top_k(-best, kept).indices, axis=1)


def _highest_outside(scores, classes):
    """float32 (batch,), the highest score of a class that is not among `classes`; -inf where there is none."""
    lowest = tf.fill(tf.shape(classes), -np.inf)
    return tf.reduce_max(tf.tensor_scatter_nd_update(scores, _places(classes), lowest), axis=1)


def _places(classes):
    """int32 (batch, k, 2): row and class."""
    rows = tf.broadcast_to(tf.range(tf.shape(classes)[0])[:, tf.newaxis], tf.shape(classes))
    return tf.stack([rows, classes], axis=-1)


def _joined(columns):
    """KeptPredictions of {field: [part of a batch, ...]}; the parts of a field go once it is joined."""
    axes = {"scores": 1, "floors": 1}
    return KeptPredictions(**{key: np.concatenate(columns.pop(key), axes.get(key, 0)) for key in list(columns)})


def _require_finite(parts):
    if not np.isfinite(parts["scores"]).all() or np.isnan(parts["floors"]).any():
        raise InputError("the predictions hold NaN: a member has diverged. Leave it out or use another checkpoint.")
