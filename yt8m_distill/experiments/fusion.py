"""Late fusion: a weighted mean of the predictions of several runs, its weights found on held-out records."""

import itertools
import os

import numpy as np

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.data.batches import dense_labels, model_inputs
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.experiments.kept_result import kept_result
from yt8m_distill.metrics.evaluation import EvaluationMetrics
from yt8m_distill.run_config import restore_model

_STEPS = 5  # weights are multiples of one fifth
_BATCH = 512


def fused_results(runner, plans, held_out, name):
    """The fusion of finished runs.

    Args:
      runner: Runner that made them; their evaluation shards are what the result is of.
      plans: Plans.
      held_out: shards on which the weights with the highest GAP are chosen.
      name: of the file OUTPUT/fusion-NAME.json, which keeps the result.

    Returns:
      {"gap", "map", "weights": one a plan}.
    """
    path = os.path.join(runner.output_dir, f"fusion-{name}.json")
    made_with = {
        "checkpoints": [checkpoint_checksum(runner.finished(plan).checkpoint) for plan in plans],
        "held_out": list(held_out),
        "evaluation": list(runner.evaluation),
    }
    return kept_result(path, made_with, lambda: _fused(runner, plans, held_out))


def _fused(runner, plans, held_out):
    runs = [runner.finished(plan) for plan in plans]
    weights = best_weights(*predict_all(runs, held_out))
    predictions, labels = predict_all(runs, runner.evaluation)
    return {**score(_mixed(predictions, weights), labels), "weights": list(weights)}


def best_weights(predictions, labels):
    """The weights, multiples of a fifth that sum to 1, whose mean has the highest GAP.

    Args:
      predictions: float32 (videos, classes) of each run.
      labels: bool (videos, classes).

    Returns:
      A tuple of floats; where several are best, those that count the last runs most.
    """
    grid = [w for w in itertools.product(range(_STEPS + 1), repeat=len(predictions)) if sum(w) == _STEPS]
    return max(
        (tuple(part / _STEPS for part in whole) for whole in grid),
        key=lambda weights: score(_mixed(predictions, weights), labels)["gap"],
    )


def score(predictions, labels):
    """{"gap", "map"} of predictions (videos, classes)."""
    metrics = EvaluationMetrics(top_k=min(20, labels.shape[1]))
    for begin in range(0, len(labels), _BATCH):
        metrics.update_state(labels[begin : begin + _BATCH], predictions[begin : begin + _BATCH])
    results = metrics.report()[0]
    return {"gap": float(results["gap"]), "map": float(results["map"])}


def _mixed(predictions, weights):
    return sum(np.float32(weight) * one for weight, one in zip(weights, predictions, strict=True))


def predict_all(runs, shards):
    """([float32 (videos, classes) of each Run], float32 labels (videos, classes)), of labelled shards."""
    found, labels = [], None
    for run in runs:
        model, spec = restore_model(run), run.config.features
        rows, truth = [], []
        for batch in read_batches(shards, spec, ReadOptions(_BATCH)):
            rows.append(np.asarray(model(model_inputs(batch, spec), training=False)["predictions"]))
            truth.append(dense_labels(batch, spec)[0].numpy())
        found.append(np.concatenate(rows))
        labels = np.concatenate(truth)
    return found, labels
