"""The numbers of a distillation. Field names are flag names."""

import dataclasses
import math

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.fields import field, require_choice
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.spec import FeatureSpec

DISTANCES = ("kl", "bernoulli_kl", "squared_error", "cross_entropy")
HEADS = ("own", "copied", "shared")
OUTPUTS = ("sigmoid", "softmax")

_WEIGHTS = (
    "ground_truth_weight",
    "teacher_prediction_weight",
    "representation_weight",
    "intermediate_weight",
)


@dataclasses.dataclass(frozen=True)
class Teacher:
    """A trained teacher, or a store of soft labels, as the student's config.json names it.

    Attributes:
      path: prefix of a checkpoint, or directory of a store.
      checksum: SHA-256 of the checkpoint's files, or of the store's store.json.
      weight: mu, its share of the target; a store has 1.
      use_ema: whether the averaged weights of the checkpoint teach.
    """

    path: str
    checksum: str
    weight: float = 1.0
    use_ema: bool = False


@dataclasses.dataclass(frozen=True)
class DistillationParams:
    """What a student learns from labels and from teachers; see each field's help.

    The student's loss is the weighted sum of L_CE (labels), L_pred (the teachers' predictions), L_rep (their
    representation) and the intermediate L_rep (their states), each summed over classes or values, mean over videos.

    Raises:
      InputError: a number out of its range, an unknown choice, or nothing to learn from a teacher.
    """

    parallel: bool = field(False, "Train the teacher (the same model on all frames) together with the student.")
    ground_truth_weight: float = field(1.0, "Weight of L_CE: cross entropy against the true labels.")
    teacher_prediction_weight: float = field(1.0, "Weight of L_pred: distance from the teachers' predictions.")
    representation_weight: float = field(1.0, "Weight of L_rep: squared distance from the teacher's representation.")
    intermediate_weight: float = field(0.0, "Weight of L_rep at the states after single frames or blocks (equation 3).")
    representation_epochs: int = field(
        0, "First so many epochs with L_rep (and its intermediate form) alone; --representation_weight=0 ends it then."
    )
    prediction_distance: str = field("kl", f"L_pred: one of {', '.join(DISTANCES)}.")
    temperature: float = field(1.0, "T by which teachers' and student's logits are divided for L_pred (times T^2).")
    teacher_output: str = field("sigmoid", "sigmoid: several labels a video; softmax: one (L_CE as well).")
    student_head: str = field("own", "Classifier: own; copied from the teacher at the start; shared with it.")
    project_representation: bool = field(False, "A linear map lets the student's representation differ in size.")

    def __post_init__(self):
        for name in (*_WEIGHTS, "representation_epochs"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"--{name}={getattr(self, name)}: expected 0 or more.")
        if not 0 < self.temperature < math.inf:
            raise InputError(f"--temperature={self.temperature}: expected a number above 0.")
        require_choice(self, "prediction_distance", DISTANCES)
        require_choice(self, "teacher_output", OUTPUTS)
        require_choice(self, "student_head", HEADS)
        from_teacher = [*_WEIGHTS[1:], "representation_epochs"]
        if not any(getattr(self, name) for name in from_teacher):
            names = ", ".join(f"--{name}" for name in from_teacher)
            raise InputError(f"The student learns nothing from a teacher: give one of {names} a value above 0.")
        if self.representation_epochs and not any(getattr(self, name) for name in _WEIGHTS[:3]):
            names = ", ".join(f"--{name}" for name in _WEIGHTS[:3])
            raise InputError(f"Nothing is learnt after --representation_epochs: give one of {names} a value above 0.")


@dataclasses.dataclass(frozen=True)
class JointTeacher:
    """A teacher that is trained together with its student, from nothing.

    Attributes:
      model: its ModelConfig.
      features: its FeatureSpec: all frames.
    """

    model: ModelConfig
    features: FeatureSpec


@dataclasses.dataclass(frozen=True)
class Distillation:
    """What makes a run a student's: the part `distillation` of its config.json.

    Attributes:
      params: DistillationParams.
      teachers: the trained teachers; with `soft_labels` they only give their classifier.
      soft_labels: a store of predictions, read instead of running the teachers.
      joint_teacher: JointTeacher, in parallel training.

    Raises:
      InputError: no teacher, or roads to the target that exclude each other.
    """

    params: DistillationParams
    teachers: tuple[Teacher, ...] = ()
    soft_labels: Teacher | None = None
    joint_teacher: JointTeacher | None = None

    def __post_init__(self):
        if self.params.parallel != (self.joint_teacher is not None):
            raise InputError("--parallel and a teacher that is trained along belong together.")
        if self.params.parallel and (self.teachers or self.soft_labels):
            raise InputError("--parallel trains its own teacher: leave out --teacher and --soft_labels.")
        if not (self.joint_teacher or self.teachers or self.soft_labels):
            raise InputError("There is no teacher: give --teacher=RUN[,RUN...], --soft_labels=STORE or --parallel.")
        if self.params.student_head != "own" and len(self.teachers) + self.params.parallel != 1:
            raise InputError(
                f"--student_head={self.params.student_head} takes the classifier of one teacher and there are "
                f"{len(self.teachers)}: give one --teacher, or --student_head=own."
            )

    def to_dict(self):
        """Plain dicts and numbers, ready for JSON."""
        values = dataclasses.asdict(self)
        if self.joint_teacher:
            features = dataclasses.asdict(self.joint_teacher.features)
            values["joint_teacher"] = {"model": registry.to_dict(self.joint_teacher.model), "features": features}
        return values

    @classmethod
    def from_dict(cls, values):
        """The inverse of `to_dict`."""
        joint = values["joint_teacher"]
        return cls(
            params=DistillationParams(**values["params"]),
            teachers=tuple(Teacher(**teacher) for teacher in values["teachers"]),
            soft_labels=values["soft_labels"] and Teacher(**values["soft_labels"]),
            joint_teacher=joint
            and JointTeacher(registry.from_dict(joint["model"]), FeatureSpec.from_dict(joint["features"])),
        )
