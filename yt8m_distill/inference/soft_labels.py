"""Teachers over shards of records, and what they predict kept in a store of soft labels."""

import math
import os

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from yt8m_distill.checksums import file_sha256
from yt8m_distill.data.batches import drawing_specs, input_signature, positions_key, view, with_random_positions
from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.data.shard_fingerprint import shard_fingerprint
from yt8m_distill.data.shards import count_records
from yt8m_distill.distillation.mixture import mixture
from yt8m_distill.distillation.soft_label_files import (
    StoredShard,
    StoreSettings,
    row_dtype,
    rows_path,
    write_rows,
    write_settings,
)
from yt8m_distill.errors import InputError
from yt8m_distill.inference.stored_shards import stored_shards
from yt8m_distill.spec import union


def store_settings(runs, weights, *, top_k, temperature=1.0, output="sigmoid", representation_size=0):
    """The StoreSettings of a store that these runs are to fill.

    Args:
      runs: Runs, at least one; their checkpoints are read to their end.
      weights: mu, a number above 0 for each; they are divided by their sum.
      top_k: scores kept of each video; 0, or as many as there are classes, keeps all.
      temperature, output: see `distillation.mixture`.
      representation_size: values of the representation, which can be kept where there is one run; 0 leaves it out.

    Raises:
      InputError: the runs do not go together, there is not one weight a run, or a number is out of its range.
    """
    spec = union([run.config.features for run in runs])
    if len(weights) != len(runs) or not all(0 < weight < math.inf for weight in weights):
        given = ",".join(map(str, weights))
        raise InputError(f"--teacher_weights={given}: expected a number above 0 for each of the {len(runs)} runs.")
    if not 0 < temperature < math.inf:
        raise InputError(f"--temperature={temperature}: expected a number above 0.")
    if representation_size and len(runs) > 1:
        raise InputError(f"--representation keeps that of one run, and --checkpoint names {len(runs)}: leave it out.")
    teachers = tuple(run.as_teacher(weight / sum(weights)) for run, weight in zip(runs, weights, strict=True))
    kept = top_k if top_k < spec.num_classes else 0
    return StoreSettings(teachers, spec.num_classes, kept, temperature, output, representation_size)


def write_soft_labels(models, specs, settings, shards, directory, *, overwrite=False, progress=True, **reading):
    """Fills a store; shards whose soft labels it holds already are left as they are.

    A shard is in the store once all of its videos are: what is interrupted loses the shard in hand.

    Args:
      models, specs: the teachers of `settings` and the FeatureSpec of each.
      settings: StoreSettings.
      shards: TFRecord files, no two of one name.
      directory: the store; it is made where it is missing.
      overwrite: whether a store that is there is emptied first.
      progress: whether to show a progress bar on stderr, where that is a terminal.
      **reading: fields of `ReadOptions`.

    Returns:
      The number of shards that were predicted now.

    Raises:
      InputError: the store was filled by other teachers or settings or from other records, a record cannot be read or
        has no id, two have the same, or a prediction is not a finite number.
    """
    named = _by_name(shards)
    done = stored_shards(directory, settings, named, overwrite)
    write_settings(directory, settings, done)
    left = [path for name, path in named.items() if name not in done]
    predict, source = make_predict(models, specs, settings)
    total = None if source.level == "segment" else count_records(left)
    with tqdm(total=total, unit="video", desc="soft labels", disable=None if progress else True) as bar:
        for path in left:
            batches = _batches(path, specs, source, ReadOptions(**reading))
            shard = _write_shard(path, _counted(batches, bar), predict, settings, directory)
            done[shard.name] = shard
            write_settings(directory, settings, done)
    return len(left)


def make_predict(models, specs, settings):
    """Compiles the teachers together.

    Returns:
      (predict, source): predict is a function of a batch that was read with the FeatureSpec `source` to a dict of
      "classes" int32 (batch, K), "scores" (batch, K), "rest" (batch,) and "representation" (batch, d), float32.
    """
    source = union(specs)
    weights = [teacher.weight for teacher in settings.teachers]
    signature = input_signature(source)
    for spec in drawing_specs(specs, source):
        key = positions_key(spec)
        signature[key] = tf.TensorSpec([None, spec.frame_limit], tf.int32, key)

    @tf.function(input_signature=[signature], autograph=False)
    def predicted(batch):
        outputs = [model(view(batch, spec, source), training=False) for model, spec in zip(models, specs, strict=True)]
        predictions = [output["predictions"] for output in outputs]
        mixed = mixture(predictions, weights, settings.temperature, settings.output)
        representation = tf.cast(outputs[0]["representation"], tf.float32)[:, : settings.representation_size]
        return {**_kept(mixed, settings.top_k), "representation": representation}

    return lambda batch: predicted({key: batch[key] for key in signature}), source


def _kept(scores, top_k):
    """The best scores and the sum of the others; all of them, by class, where top_k is 0."""
    if not top_k:
        videos = tf.shape(scores)[0]
        return {"classes": tf.zeros([videos, 0], tf.int32), "scores": scores, "rest": tf.zeros([videos])}
    best, classes = tf.math.top_k(scores, top_k)
    rest = tf.maximum(tf.reduce_sum(scores, axis=1) - tf.reduce_sum(best, axis=1), 0.0)
    return {"classes": classes, "scores": best, "rest": rest}


def _batches(path, specs, source, options):
    batches = read_batches([path], source, options, labelled=False)
    for spec in drawing_specs(specs, source):
        batches = batches.map(lambda batch, spec=spec: with_random_positions(batch, spec))
    return checked(batches, [path], source, labelled=False)


def _counted(batches, bar):
    for batch in batches:
        yield batch
        bar.update(len(batch["id"]))


def _write_shard(path, batches, predict, settings, directory):
    """Predicts one shard, writes its file and returns its StoredShard."""
    size, fingerprint = shard_fingerprint(path)
    name = os.path.basename(path)
    columns = {}
    for batch in batches:
        for key, values in {"id": batch["id"], **predict(batch)}.items():
            columns.setdefault(key, []).append(values.numpy())
    columns = {key: np.concatenate(parts) for key, parts in columns.items()} or {"id": np.zeros(0, object)}
    rows = _rows(path, columns, settings)
    write_rows(directory, name, rows)
    sums = (float(rows[key].sum(dtype=np.float64)) for key in ("scores", "rest"))
    return StoredShard(name, size, fingerprint, len(rows), file_sha256(rows_path(directory, name)), *sums)


def _rows(path, columns, settings):
    """{name: (videos, ...)} as the structured array of a file of the store, once nothing is wrong with it."""
    ids = columns["id"]
    if not all(ids):
        raise InputError(f"{path}: {sum(not i for i in ids)} videos have no id, by which soft labels are found again.")
    rows = np.zeros(len(ids), row_dtype(settings, max(map(len, ids), default=0)))
    with np.errstate(over="ignore"):
        for key, values in columns.items():
            rows[key] = values
    known, counts = np.unique(rows["id"], return_counts=True)
    if len(known) < len(rows):
        twice = known[counts > 1][0].decode(errors="replace")
        raise InputError(f"{path}: video {twice} stands in it twice: soft labels hold a video once. Leave one out.")
    if not (np.isfinite(rows["scores"]).all() and np.isfinite(rows["rest"]).all()):
        raise InputError("the predictions hold NaN: a teacher has diverged. Use another checkpoint.")
    if not np.isfinite(rows["representation"]).all():
        raise InputError("the representation has values that float16 cannot hold: leave out --representation.")
    return rows


def _by_name(shards):
    named = {}
    for path in shards:
        other = named.setdefault(os.path.basename(path), path)
        if other != path:
            raise InputError(f"{other} and {path} have one name: give each folder an --output_dir of its own.")
    return named
