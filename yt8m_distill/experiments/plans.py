"""What is to be trained: a run in numbers, and the runs that it learns from."""

import dataclasses

from yt8m_distill.hyperparameters.distillation import DistillationParams, JointTeacher
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run to be made.

    Attributes:
      name: its directory; runs of one name are one run.
      model, features, training: as in RunConfig.
      shards: what it is trained on.
      distillation: DistillationParams of a student, else None.
      teachers: Plans of trained teachers, which count alike.
      stored: whether the student reads what its teachers predict from a store, made once for all students of theirs.
      joint_teacher: JointTeacher of parallel training.
      by_epoch: whether the student, and a joint teacher, are evaluated after every epoch.
    """

    name: str
    model: ModelConfig
    features: FeatureSpec
    training: TrainingParams
    shards: tuple[str, ...]
    distillation: DistillationParams | None = None
    teachers: tuple["Plan", ...] = ()
    stored: bool = True
    joint_teacher: JointTeacher | None = None
    by_epoch: bool = False

    @property
    def seed(self):
        """The seed of its training."""
        return self.training.seed


def teachers_first(plans):
    """Every plan once, behind its teachers.

    Raises:
      ValueError: two plans of one name differ.
    """
    order = {}
    for plan in plans:
        for one in (*teachers_first(plan.teachers), plan):
            if order.setdefault(one.name, one) != one:
                raise ValueError(f"Two runs are called {one.name}.")
    return list(order.values())
