"""The ensemble as one SavedModel, with its model card; what it answers on the shards that no search has seen.

OUTPUT/ensemble/export           the SavedModel with model_card.json
OUTPUT/ensemble/submission.csv   what it predicts for the final shards
OUTPUT/ensemble/export.json      how it did
"""

import os

import numpy as np

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.data.batches import model_inputs
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.experiments.kept_result import kept_result
from yt8m_distill.experiments.size_constrained.choices import halves
from yt8m_distill.experiments.size_constrained.members import quantized_run
from yt8m_distill.export.budget import MIB
from yt8m_distill.export.exported_runs import export_runs
from yt8m_distill.export.model_card import card_path
from yt8m_distill.export.saved_model import DEFAULT_BUDGET_MIB
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.inference.served_model import load_served
from yt8m_distill.inference.submit import write_video_submission
from yt8m_distill.run_config import restore_model

_BATCH = 512


def paths(runner):
    """{what: path} of all that there is at the end, but for the weights."""
    folder = os.path.join(runner.output_dir, "ensemble")
    export = os.path.join(folder, "export")
    return {"export": export, "model card": card_path(export), "submission": os.path.join(folder, "submission.csv")}


def exported(runner, plans, weights, budget_mib=None):
    """Exports the quantised runs of {name: Plan} that have a weight, and runs the export on the final shards.

    Args:
      runner: Runner that made the runs.
      plans: {name: Plan}.
      weights: {name of the run: number}, those of 0 are left out.
      budget_mib: largest size of its files in MiB; None for that of the paper.

    Returns:
      {"gap" and "map" of the export, "difference": largest one between its predictions and the weighted sum of what
      its members predict in this process, "bytes" of its files, "budget", "videos" of the submission}.

    Raises:
      InputError: see `export_runs`; an earlier export stays.
    """
    runs = {plan.name: quantized_run(runner, plan) for plan in plans.values()}
    runs = {name: run for name, run in runs.items() if weights[name]}
    _, shards = halves(runner.evaluation)
    made_with = {
        "members": {name: [checkpoint_checksum(run.checkpoint), weights[name]] for name, run in runs.items()},
        "shards": list(map(os.path.abspath, shards)),
    }
    if budget_mib:
        made_with["size_budget_mb"] = budget_mib
    path, files = os.path.join(runner.output_dir, "ensemble", "export.json"), paths(runner)
    if os.path.exists(path) and not all(map(os.path.exists, files.values())):
        os.remove(path)
    return kept_result(path, made_with, lambda: _export(runs, weights, shards, files, budget_mib or DEFAULT_BUDGET_MIB))


def _export(runs, weights, shards, files, budget_mib):
    options = {"weights": [weights[name] for name in runs], "evaluate": lambda folder: _evaluated(folder, shards)}
    options["budget_mib"] = budget_mib
    made = export_runs(list(runs.values()), files["export"], overwrite=True, **options)
    served, spec = load_served(files["export"])
    top_k = min(20, spec.num_classes)
    return {
        "gap": made.evaluation["gap"],
        "map": made.evaluation["map"],
        "difference": _largest_difference(served, spec, runs, weights, shards),
        "bytes": made.size.total,
        "budget": round(budget_mib * MIB),
        "videos": write_video_submission(served, spec, shards, files["submission"], top_k=top_k, progress=False),
    }


def _evaluated(folder, shards):
    """What the card says of the export's quality."""
    results, _ = evaluate(*load_served(folder), shards, progress=False, batch_size=_BATCH)
    return {"data": list(shards), **results}


def _largest_difference(served, spec, runs, weights, shards):
    """Between the export's predictions and the weighted sum of its members', over all videos."""
    models = {name: restore_model(run) for name, run in runs.items()}
    largest = 0.0
    for batch in read_batches(shards, spec, ReadOptions(_BATCH)):
        inputs = model_inputs(batch, spec)
        whole = sum(
            weights[name] * np.asarray(model(inputs, training=False)["predictions"], np.float64)
            for name, model in models.items()
        )
        difference = np.abs(np.asarray(served(inputs, training=False)["predictions"]) - whole).max()
        largest = float(np.maximum(largest, difference))  # NaN stays NaN
    return largest
