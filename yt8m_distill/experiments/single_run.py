"""One run of an experiment: trained, evaluated, and written down.

OUTPUT/NAME/result.json  with what it is made, and in the end what it reached
OUTPUT/soft_labels/NAME  what a teacher predicts, stored once and read by all of its students
"""

import gc
import json
import os
import time

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.experiments.epoch_results import EpochResults
from yt8m_distill.experiments.plans import made_with
from yt8m_distill.hyperparameters.distillation import Distillation, Teacher
from yt8m_distill.hyperparameters.ema_source import EmaSource
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.inference.soft_labels import store_settings, write_soft_labels
from yt8m_distill.run_config import RunConfig, find_run, restore_model
from yt8m_distill.training.loop import TrainingLoop
from yt8m_distill.training.run_directory import prepare
from yt8m_distill.written_aside import written_aside

_EVALUATION_BATCH = 512


def make_run(plan, output_dir, evaluation):
    """Trains a run to its end, or goes on with it, evaluates it and writes its result.json.

    Args:
      plan: Plan, whose teachers are made already.
      output_dir: parent of the run directories.
      evaluation: shards.

    Returns:
      The result: "gap", "map", "hit_at_1", "perr", "loss", "steps", "seconds" of the last attempt at training; of a
      joint teacher "teacher_gap" ...; of the weights beside an average "last_gap" ...; with `by_epoch` "epochs", see
      `EpochResults`.

    Raises:
      InputError: from the data, the models or the run directory.
      KeyboardInterrupt: the training was stopped by Ctrl-C, after it saved a checkpoint.
    """
    loop, epochs, seconds = _train(plan, output_dir, evaluation)
    result = _metrics(loop.model, plan.features, evaluation)
    if plan.joint_teacher:
        teacher = _metrics(loop.objective.teacher, plan.joint_teacher.features, evaluation)
        result |= _prefixed("teacher", teacher)
    if plan.source:
        with loop.average.placed_in(loop.model):
            result = _prefixed("last", result) | _metrics(loop.model, plan.features, evaluation)
    result |= {"steps": loop.step, "seconds": round(seconds, 1)} | ({"epochs": epochs} if plan.by_epoch else {})
    _write(plan, output_dir, evaluation, {"result": result})
    del loop
    keras.backend.clear_session()
    gc.collect()
    return result


def _write(plan, output_dir, evaluation, result):
    with written_aside(result_path(plan, output_dir)) as file:
        json.dump({"made_with": made_with(plan, evaluation), **result}, file, indent=1)


def result_path(plan, output_dir):
    """Its result.json."""
    return os.path.join(output_dir, plan.name, "result.json")


def finished_run(plan, output_dir):
    """The Run of a plan that is made: its average, where it has a source."""
    return find_run(os.path.join(output_dir, plan.name), use_ema=plan.source is not None)


def _prefixed(prefix, metrics):
    return {f"{prefix}_{name}": value for name, value in metrics.items()}


def _train(plan, output_dir, evaluation):
    """(the finished TrainingLoop, results by epoch, seconds of this attempt)."""
    begin, run_dir = time.monotonic(), os.path.join(output_dir, plan.name)
    config = _config(plan, output_dir)
    prepare(config, run_dir)
    _write(plan, output_dir, evaluation, {})
    watch = EpochResults(evaluation, os.path.join(run_dir, "epochs.json"), _EVALUATION_BATCH)
    loop = TrainingLoop(config, run_dir, list(plan.shards), [watch] if plan.by_epoch else [])
    if plan.by_epoch:
        joint = plan.joint_teacher
        watch.watch((loop.model, plan.features), joint and (loop.objective.teacher, joint.features))
    loop.run()
    if not loop.finished:
        raise KeyboardInterrupt
    return loop, watch.epochs, time.monotonic() - begin - watch.seconds


def _config(plan, output_dir):
    """The RunConfig, now that its teachers and its source are trained."""
    distillation = None
    if plan.distillation:
        runs = [finished_run(teacher, output_dir) for teacher in plan.teachers]
        store = _store(plan, runs, output_dir) if plan.stored and runs else None
        needs_teachers = store is None or plan.distillation.student_head != "own"
        teachers = [run.as_teacher(weight) for run, weight in zip(runs, plan.weights, strict=True)]
        distillation = Distillation(
            plan.distillation, tuple(teachers) if needs_teachers else (), store, plan.joint_teacher
        )
    return RunConfig(plan.features, plan.model, plan.training, distillation, ema_source=_source(plan, output_dir))


def _source(plan, output_dir):
    if not plan.source:
        return None
    run = finished_run(plan.source, output_dir)
    return EmaSource(run.checkpoint, checkpoint_checksum(run.checkpoint))


def _store(plan, runs, output_dir):
    """The stored predictions of a student's teachers over its shards, as its config names them."""
    directory = os.path.join(output_dir, "soft_labels", "+".join(teacher.name for teacher in plan.teachers))
    models, specs = [restore_model(run) for run in runs], [run.config.features for run in runs]
    settings = store_settings(
        runs,
        list(plan.weights),
        top_k=0,
        temperature=plan.distillation.temperature,
        output=plan.distillation.teacher_output,
        representation_size=models[0].representation_size if len(runs) == 1 else 0,
    )
    options = {"progress": False, "batch_size": _EVALUATION_BATCH}
    write_soft_labels(models, specs, settings, list(plan.shards), directory, **options)
    return Teacher(directory, SoftLabels(directory).checksum)


def _metrics(model, spec, shards):
    results, _ = evaluate(model, spec, shards, batch_size=_EVALUATION_BATCH, progress=False)
    return {name: results[name] for name in ("gap", "map", "hit_at_1", "perr", "loss")}
