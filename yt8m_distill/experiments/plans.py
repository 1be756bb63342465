"""What is to be trained: a run in numbers, and the runs that it learns from."""

import dataclasses
import os

from yt8m_distill.hyperparameters.distillation import DistillationParams, JointTeacher
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.run_config import RunConfig
from yt8m_distill.spec import FeatureSpec

# Labels and soft labels count one half each, both as cross entropies summed over the classes.
HALF_EACH = DistillationParams(
    ground_truth_weight=0.5,
    teacher_prediction_weight=0.5,
    representation_weight=0.0,
    prediction_distance="cross_entropy",
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run to be made.

    Attributes:
      name: its directory; runs of one name are one run.
      model, features, training: as in RunConfig.
      shards: what it is trained on.
      distillation: DistillationParams of a student, else None.
      teachers: Plans of trained teachers.
      teacher_weights: mu of each; none where they count alike.
      stored: whether the student reads what its teachers predict from a store, made once for all students of theirs.
      joint_teacher: JointTeacher of parallel training.
      by_epoch: whether the student, and a joint teacher, are evaluated after every epoch.
      source: Plan of the finished run that this one goes on from to average its weights (`training.ema_half_life`): the
        average is what is evaluated and what teaches.
    """

    name: str
    model: ModelConfig
    features: FeatureSpec
    training: TrainingParams
    shards: tuple[str, ...]
    distillation: DistillationParams | None = None
    teachers: tuple["Plan", ...] = ()
    teacher_weights: tuple[float, ...] = ()
    stored: bool = True
    joint_teacher: JointTeacher | None = None
    by_epoch: bool = False
    source: "Plan | None" = None

    @property
    def weights(self):
        """mu of each teacher."""
        return self.teacher_weights or (1.0,) * len(self.teachers)


def teachers_first(plans):
    """Every plan once, behind its teachers and its source.

    Raises:
      ValueError: two plans of one name differ.
    """
    order = {}
    for plan in plans:
        before = plan.teachers + ((plan.source,) if plan.source else ())
        for one in (*teachers_first(before), plan):
            if order.setdefault(one.name, one) != one:
                raise ValueError(f"Two runs are called {one.name}.")
    return list(order.values())


def made_with(plan, evaluation):
    """What decides how a run comes out, as plain values; `evaluation` are the shards it is evaluated on."""
    parts = RunConfig(plan.features, plan.model, plan.training).to_dict()
    parts["distillation"] = plan.distillation and dataclasses.asdict(plan.distillation)
    parts["teachers"] = [made_with(teacher, evaluation) for teacher in plan.teachers]
    if plan.source:
        parts["source"] = made_with(plan.source, evaluation)
    if plan.teacher_weights:
        parts["teacher_weights"] = list(plan.teacher_weights)
    joint = plan.joint_teacher
    parts["joint_teacher"] = joint and RunConfig(joint.features, joint.model, plan.training).to_dict()
    parts["data"] = [*map(os.path.abspath, plan.shards), "", *map(os.path.abspath, evaluation)]
    return parts


def with_new_numbers(stored):
    """What `made_with` returned, read from JSON, with the numbers that were not known then: at their defaults."""
    parts = stored | _numbers(stored)
    parts["joint_teacher"] = stored["joint_teacher"] and _numbers(stored["joint_teacher"])
    parts["teachers"] = [with_new_numbers(teacher) for teacher in stored["teachers"]]
    return parts | ({"source": with_new_numbers(stored["source"])} if "source" in stored else {})


def _numbers(stored):
    return RunConfig.from_dict({name: stored[name] for name in ("features", "model", "training")}).to_dict()
