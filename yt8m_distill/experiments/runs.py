"""Single runs of an experiment: trained in this process, evaluated, and recognised when they are done.

OUTPUT/DATA/NAME/             a run directory
OUTPUT/DATA/NAME/result.json  with what it was made, and what it reached; written last
OUTPUT/DATA/soft_labels/NAME  what a teacher predicts, stored once and read by all of its students

A run without result.json is taken up where it was stopped; one that was made with something else is an error.
"""

import dataclasses
import gc
import json
import os
import time

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.errors import InputError
from yt8m_distill.experiments.epoch_results import EpochResults
from yt8m_distill.experiments.plans import teachers_first
from yt8m_distill.hyperparameters.distillation import Distillation, Teacher
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.inference.soft_labels import store_settings, write_soft_labels
from yt8m_distill.run_config import RunConfig, find_run, restore_model
from yt8m_distill.training.loop import TrainingLoop
from yt8m_distill.training.run_directory import prepare
from yt8m_distill.written_aside import written_aside

EVALUATION_BATCH = 512


class Runner:
    """Makes runs, each once.

    Args:
      output_dir: their parent.
      evaluation: shards that every run is evaluated on.
    """

    def __init__(self, output_dir, evaluation):
        self.output_dir, self.evaluation = output_dir, tuple(evaluation)
        self._results, self._stores = {}, {}

    def run(self, plans):
        """Makes what is not made yet, teachers first.

        Returns:
          {plan: result} of `plans` and their teachers: "gap", "map", "hit_at_1", "perr", "loss", "steps", "seconds" of
          training; of a joint teacher "teacher_gap" ...; with `by_epoch` "epochs", a list of such.

        Raises:
          InputError: a directory holds a run of the same name that was made with something else.
          KeyboardInterrupt: a training was stopped by Ctrl-C, after it saved a checkpoint.
        """
        order = teachers_first(plans)
        done = sum(self._known(plan) is not None for plan in order)
        begin, count = time.monotonic(), 0
        for plan in order:
            if self._known(plan) is None:
                result, count = self._make(plan), count + 1
                elapsed, left = time.monotonic() - begin, len(order) - done - count
                print(
                    f"run {done + count} of {len(order)}  {plan.name}  {_summary(result)}  "
                    f"elapsed {_clock(elapsed)}, about {_clock(elapsed / count * left)} left",
                    flush=True,
                )
        return {plan: self._known(plan) for plan in order}

    def run_cells(self, cells):
        """{cell: {seed: result}} of {cell: {seed: Plan}}."""
        made = self.run([plan for plans in cells.values() for plan in plans.values()])
        return {cell: {seed: made[plan] for seed, plan in plans.items()} for cell, plans in cells.items()}

    def directory(self, plan):
        """Its run directory."""
        return os.path.join(self.output_dir, plan.name)

    def _known(self, plan):
        """The result of a run that is done, or None."""
        if plan not in self._results:
            path = os.path.join(self.directory(plan), "result.json")
            if not os.path.exists(path):
                return None
            with open(path, encoding="utf-8") as file:
                stored = json.load(file)
            expected = json.loads(json.dumps(self._made_with(plan)))
            if stored["made_with"] != expected:
                differing = [key for key in expected if stored["made_with"].get(key) != expected[key]]
                raise InputError(
                    f"{self.directory(plan)} was made with another {', '.join(differing)}: choose another --output_dir."
                )
            self._results[plan] = stored["result"]
        return self._results[plan]

    def _made_with(self, plan):
        """What decides how a run comes out, as plain values."""
        parts = RunConfig(plan.features, plan.model, plan.training).to_dict()
        parts["distillation"] = plan.distillation and dataclasses.asdict(plan.distillation)
        parts["teachers"] = [self._made_with(teacher) for teacher in plan.teachers]
        joint = plan.joint_teacher
        parts["joint_teacher"] = joint and RunConfig(joint.features, joint.model, plan.training).to_dict()
        parts["data"] = [os.path.abspath(path) for path in (*plan.shards, "", *self.evaluation)]
        return parts

    def _make(self, plan):
        run_dir = self.directory(plan)
        loop, epochs, seconds = self._train(plan, run_dir)
        result = _metrics(loop.model, plan.features, self.evaluation)
        if plan.joint_teacher:
            teacher = _metrics(loop.objective.teacher, plan.joint_teacher.features, self.evaluation)
            result |= {f"teacher_{name}": value for name, value in teacher.items()}
        result |= {"steps": loop.step, "seconds": round(seconds, 1)} | ({"epochs": epochs} if plan.by_epoch else {})
        with written_aside(os.path.join(run_dir, "result.json")) as file:
            json.dump({"made_with": self._made_with(plan), "result": result}, file, indent=1)
        self._results[plan] = result
        del loop
        keras.backend.clear_session()
        gc.collect()
        return result

    def _train(self, plan, run_dir):
        """(the finished TrainingLoop, results by epoch, seconds of this attempt)."""
        begin = time.monotonic()
        config = self._config(plan)
        prepare(config, run_dir)
        watch = EpochResults(self.evaluation, os.path.join(run_dir, "epochs.json"), EVALUATION_BATCH)
        loop = TrainingLoop(config, run_dir, list(plan.shards), [watch] if plan.by_epoch else [])
        if plan.by_epoch:
            joint = plan.joint_teacher
            watch.watch((loop.model, plan.features), joint and (loop.objective.teacher, joint.features))
        loop.run()
        if not loop.finished:
            raise KeyboardInterrupt
        return loop, watch.epochs, time.monotonic() - begin - watch.seconds

    def _config(self, plan):
        """The RunConfig, now that its teachers are trained."""
        distillation = None
        if plan.distillation:
            runs = [find_run(self.directory(teacher)) for teacher in plan.teachers]
            store = self._store(plan, runs) if plan.stored and runs else None
            needs_teachers = store is None or plan.distillation.student_head != "own"
            teachers = [Teacher(run.checkpoint, checkpoint_checksum(run.checkpoint)) for run in runs]
            distillation = Distillation(
                plan.distillation, tuple(teachers) if needs_teachers else (), store, plan.joint_teacher
            )
        return RunConfig(plan.features, plan.model, plan.training, distillation)

    def _store(self, plan, runs):
        """The stored predictions of a student's teachers over its shards, as its config names them."""
        name, params = "+".join(teacher.name for teacher in plan.teachers), plan.distillation
        directory = os.path.join(self.output_dir, "soft_labels", name)
        if name in self._stores:
            return self._stores[name]
        models, specs = [restore_model(run) for run in runs], [run.config.features for run in runs]
        settings = store_settings(
            runs,
            [1.0] * len(runs),
            top_k=0,
            temperature=params.temperature,
            output=params.teacher_output,
            representation_size=models[0].representation_size if len(runs) == 1 else 0,
        )
        options = {"progress": False, "batch_size": EVALUATION_BATCH}
        write_soft_labels(models, specs, settings, list(plan.shards), directory, **options)
        self._stores[name] = Teacher(directory, SoftLabels(directory).checksum)
        return self._stores[name]


def _metrics(model, spec, shards):
    results, _ = evaluate(model, spec, shards, batch_size=EVALUATION_BATCH, progress=False)
    return {name: results[name] for name in ("gap", "map", "hit_at_1", "perr", "loss")}


def _summary(result):
    return f"GAP {result['gap']:.4f}  mAP {result['map']:.4f}  {result['seconds']:.0f} s"


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
