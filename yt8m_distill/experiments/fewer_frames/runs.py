"""The runs of "fewer frames": a teacher on all frames, models on k frames without help, and students on k frames.

What the paper leaves open is chosen here: L_CE and L_pred weigh 1 and L_rep 0.02, since the states of a teacher that
learns along move so far that L_rep would drown L_CE (docs/decisions.md); L_pred is the Bernoulli divergence, since
scores normalised over the classes (the authors' code) leave their scale free, by which GAP compares videos; serial
students start from the teacher's classifier and read its predictions and representation from a store; L_rep alone
spends the first three fifths of its epochs on L_rep, then the teacher's classifier is plugged in and all is tuned with
L_CE; in parallel training the classifier is shared. All runs have the same number of epochs.
"""

import dataclasses

from yt8m_distill.experiments.data_sets import DataSet
from yt8m_distill.experiments.plans import Plan
from yt8m_distill.hyperparameters.distillation import DistillationParams, JointTeacher

_REPRESENTATION_WEIGHT = 0.02
_TEACHERS_SEEDS = 1000  # before them: a student would else start with the weights of a teacher of its shape
LOSSES_NOTE = f"L_CE and L_pred (Bernoulli divergence) weigh 1, L_rep {_REPRESENTATION_WEIGHT}"

SAMPLERS = {
    "uniform": "Uniform-k",
    "random": "Random-k",
    "first": "First-k",
    "middle": "Middle-k",
    "last": "Last-k",
    "first_middle_last": "First-Middle-Last-k",
}


@dataclasses.dataclass(frozen=True)
class Family:
    """Teacher and students of one architecture.

    Attributes:
      data: DataSet.
      model: name of one of its models.
      prefix: of the runs' names, where they are not trained as all others are.
      shards: what they are trained on; None for all of the set's.
      epochs: their number; None for the set's.
    """

    data: DataSet
    model: str = "HRNN"
    prefix: str = ""
    shards: tuple[str, ...] | None = None
    epochs: int | None = None

    def skyline(self, seed):
        """The teacher: all frames."""
        plan = self._plan("all", self.data.model(self.model), self.data.features, seed)
        return dataclasses.replace(plan, training=dataclasses.replace(plan.training, seed=_TEACHERS_SEEDS + seed))

    def baseline(self, sampler, frames, seed):
        """`frames` frames of the sampler, no teacher."""
        spec = self.data.sampled(frames, sampler)
        return self._plan(f"{sampler}-k{frames}", self.data.model(self.model, frames), spec, seed)

    def student(self, mode, losses, frames, seed, intermediate=False):
        """`frames` equally spaced frames, and a teacher.

        Args:
          mode: "serial" or "parallel".
          losses: of "rep", "pred" and "CE".
          frames: k.
          seed: of its training; its teacher's goes with it.
          intermediate: whether the states after each block are matched as well, not the final one alone.
        """
        kind = f"{mode}-{'+'.join(losses)}{'-intermediate' if intermediate else ''}-k{frames}"
        plan = self._plan(kind, self.data.model(self.model, frames), self.data.sampled(frames), seed)
        params = self._params(mode, losses, intermediate)
        if mode == "serial":
            teachers = (self.skyline(seed),)
            return dataclasses.replace(plan, distillation=params, teachers=teachers, stored=not intermediate)
        joint = JointTeacher(self.data.model(self.model), self.data.features)
        last = frames == self.data.frames[-1]  # of which figure 2 shows every epoch
        return dataclasses.replace(plan, distillation=params, joint_teacher=joint, by_epoch=last)

    def _plan(self, kind, model, spec, seed):
        training = dataclasses.replace(
            self.data.training, seed=seed, num_epochs=self.epochs or self.data.training.num_epochs
        )
        name = f"{self.prefix}{self.model}-{kind}-seed{seed}"
        return Plan(name, model, spec, training, self.shards or self.data.train)

    def _params(self, mode, losses, intermediate):
        two_stages = mode == "serial" and losses == ("rep",)
        epochs = self.epochs or self.data.training.num_epochs
        return DistillationParams(
            parallel=mode == "parallel",
            ground_truth_weight=float("CE" in losses or two_stages),
            teacher_prediction_weight=float("pred" in losses),
            representation_weight=_REPRESENTATION_WEIGHT * ("rep" in losses and not two_stages),
            intermediate_weight=(1.0 if two_stages else _REPRESENTATION_WEIGHT) * intermediate,
            representation_epochs=round(0.6 * epochs) if two_stages else 0,
            prediction_distance="bernoulli_kl",
            student_head="copied" if mode == "serial" else "shared",
        )


BEST = ("serial", ("rep", "pred", "CE"))  # of Table 1: what Tables 2, 5 and 6 go on with


def losses_label(losses):
    """("rep", "CE") -> "L_rep, L_CE"."""
    return ", ".join(f"L_{name}" for name in losses)


def student_label(student):
    """("serial", ("rep", "CE")) -> "Serial L_rep, L_CE"."""
    return f"{student[0].capitalize()} {losses_label(student[1])}"
