"""The numbers of a distillation. Field names are flag names."""

import dataclasses

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice

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
    """

    path: str
    checksum: str
    weight: float = 1.0


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
    representation_epochs: int = field(0, "First so many epochs with L_rep alone; then the weights above hold.")
    prediction_distance: str = field("kl", f"L_pred: one of {', '.join(DISTANCES)}.")
    temperature: float = field(1.0, "T by which teachers' and student's logits are divided for L_pred (times T^2).")
    teacher_output: str = field("sigmoid", "sigmoid: several labels a video; softmax: one label a video.")
    student_head: str = field("own", "Classifier: own; copied from the teacher at the start; shared with it.")
    project_representation: bool = field(False, "A linear map lets the student's representation differ in size.")

    def __post_init__(self):
        for name in (*_WEIGHTS, "representation_epochs"):
            if not getattr(self, name) >= 0:
                raise InputError(f"--{name}={getattr(self, name)}: expected 0 or more.")
        if not self.temperature > 0:
            raise InputError(f"--temperature={self.temperature}: expected a number above 0.")
        require_choice(self, "prediction_distance", DISTANCES)
        require_choice(self, "teacher_output", OUTPUTS)
        require_choice(self, "student_head", HEADS)
        from_teacher = [*_WEIGHTS[1:], "representation_epochs"]
        if not any(getattr(self, name) for name in from_teacher):
            names = ", ".join(f"--{name}" for name in from_teacher)
            raise InputError(f"The student learns nothing from a teacher: give one of {names} a value above 0.")
