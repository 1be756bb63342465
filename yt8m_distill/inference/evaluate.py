"""A model against labelled records: in order, every frame that it sees, the same ones each time."""

import json
import os

import tensorflow as tf
from tqdm import tqdm

from yt8m_distill.data.batches import dense_labels, model_inputs
from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.data.shards import count_records
from yt8m_distill.errors import InputError
from yt8m_distill.inference.served_model import require_all_frames
from yt8m_distill.losses import cross_entropy
from yt8m_distill.metrics.evaluation import EvaluationMetrics
from yt8m_distill.metrics.top_k import reduce_top_k
from yt8m_distill.written_aside import written_aside


def evaluate(model, spec, shards, *, top_k=20, progress=True, step=None, **reading):
    """Evaluates a model.

    Args:
      model: VideoClassifier.
      spec: FeatureSpec of the records; at segment level only rated classes count.
      shards: labelled TFRecord files.
      top_k: scores kept of each video for GAP and mAP.
      progress: whether to show a progress bar on stderr, where that is a terminal.
      step: what `make_evaluation_step` returned, to compile once for several evaluations.
      **reading: fields of `ReadOptions`, how they are read; none changes the result by more than rounding.

    Returns:
      (results, per_class): {"gap", "map", "hit_at_1", "perr", "loss" (cross entropy summed over classes, mean over
      examples), "examples", "top_k", "level"}, and {"average_precision": (classes,), "positives": (classes,)}.

    Raises:
      InputError: a record cannot be read, there is none, or none has a label; segments for an export of models that
        sample frames.
    """
    if spec.level == "segment":
        require_all_frames(model, spec)
    step = step or make_evaluation_step(model, spec, top_k)
    metrics = EvaluationMetrics(top_k=top_k)
    loss = examples = 0
    batches = read_batches(shards, spec, ReadOptions(**reading))
    total = None if spec.level == "segment" else count_records(shards)
    with tqdm(total=total, unit="video", desc="evaluate", disable=None if progress else True) as bar:
        for batch in checked(batches, shards, spec):
            batch_loss, reduced = step({key: batch[key] for key in batch if key != "id"})
            metrics.update_top_k(reduced)
            loss += float(batch_loss)
            examples += len(reduced.scores)
            bar.update(len(reduced.scores))
    if not examples:
        raise InputError(f"{shards[0]} and {len(shards) - 1} more hold no example to evaluate.")
    results, average_precision, positives = metrics.report()
    if not positives.any():
        raise InputError(f"{shards[0]} and {len(shards) - 1} more hold no labels: expected labelled records.")
    results = {key: float(value) for key, value in results.items()}
    results |= {"loss": loss / examples, "examples": examples, "top_k": top_k, "level": spec.level}
    return results, {"average_precision": average_precision, "positives": positives}


def make_evaluation_step(model, spec, top_k=20):
    """Compiles a function of a batch to (loss summed over its examples, TopK of its predictions)."""

    @tf.function(reduce_retracing=True)
    def step(batch):
        predictions = model(model_inputs(batch, spec), training=False)["predictions"]
        labels, rated = dense_labels(batch, spec)
        loss = tf.reduce_sum(cross_entropy(labels, predictions, label_weights=rated))
        return loss, reduce_top_k(labels, predictions, top_k, rated)

    return step


def write_results(results, run_dir, step, use_ema=False):
    """Writes RUN/eval/STEP.json, of averaged weights STEP-ema.json, aside, renames it, and returns its path."""
    directory = os.path.join(run_dir, "eval")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{step}{'-ema' if use_ema else ''}.json")
    with written_aside(path) as file:
        json.dump(results, file, indent=2)
        file.write("\n")
    return path


def table(results):
    """The results of `evaluate`, with their "checkpoint", as lines to read."""
    rows = [
        (f"GAP@{results['top_k']}", f"{results['gap']:.4f}"),
        ("mAP", f"{results['map']:.4f}"),
        ("Hit@1", f"{results['hit_at_1']:.4f}"),
        ("PERR", f"{results['perr']:.4f}"),
        ("loss", f"{results['loss']:.4f}"),
        ("examples", f"{results['examples']:,}"),
        ("checkpoint", results["checkpoint"]),
    ]
    return "\n".join(f"  {name:<12}{value}" for name, value in rows)


def write_per_class(per_class, path):
    """Writes a CSV `class,positives,average_precision`; the precision of a class without positives is empty."""
    rows = zip(per_class["positives"].tolist(), per_class["average_precision"].tolist(), strict=True)
    with written_aside(path) as file:
        file.write("class,positives,average_precision\n")
        for label, (positives, precision) in enumerate(rows):
            file.write(f"{label},{positives},{precision if positives else ''}\n")
