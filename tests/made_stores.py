"""Small stores of made soft labels."""

import hashlib

import numpy as np

from yt8m_distill.distillation.soft_label_files import StoredShard, StoreSettings, row_dtype, write_rows, write_settings
from yt8m_distill.hyperparameters.distillation import Teacher

NUM_CLASSES = 6
TEACHERS = (Teacher("runs/a/checkpoints/ckpt-3", "12ab", 0.25), Teacher("runs/b/checkpoints/ckpt-4", "34cd", 0.75))


def made_scores(ids):
    """float32 (videos, 6): scores that float16 holds exactly, all different."""
    random = np.random.default_rng([len(ids), *b"".join(ids)])
    return random.permuted(np.arange(1, 1 + len(ids) * NUM_CLASSES).reshape(-1, NUM_CLASSES) / 1024, axis=1)


def write_store(directory, shards, top_k=2, representation_size=0):
    """Writes a store of {name: ids} and returns {id: scores of all classes}."""
    settings = StoreSettings(TEACHERS, NUM_CLASSES, top_k, 1.0, "sigmoid", representation_size)
    directory.mkdir(exist_ok=True)
    scores = {name: made_scores(ids) for name, ids in shards.items()}
    written = {name: _write_shard(directory, name, ids, scores[name], settings) for name, ids in shards.items()}
    write_settings(directory, settings, written)
    return {video: row for name, ids in shards.items() for video, row in zip(ids, scores[name], strict=True)}


def _write_shard(directory, name, ids, scores, settings):
    rows = np.zeros(len(ids), row_dtype(settings, max(map(len, ids), default=0)))
    rows["id"] = ids
    rows["scores"] = scores if not settings.top_k else -np.sort(-scores, axis=1)[:, : settings.top_k]
    if settings.top_k:
        rows["classes"] = np.argsort(-scores, axis=1)[:, : settings.top_k]
        rows["rest"] = np.sort(scores, axis=1)[:, : -settings.top_k].sum(axis=1)
    rows["representation"] = np.arange(len(ids))[:, None] + np.arange(settings.representation_size) / 4
    write_rows(directory, name, rows)
    checksum = hashlib.sha256((directory / f"{name}.npy").read_bytes()).hexdigest()
    return StoredShard(name, 100, "records:0", len(ids), checksum, 1.0, 0.5)
