"""The runs of the road: families, their candidates, averages and students."""

import dataclasses

from yt8m_distill.experiments.plans import HALF_EACH, Plan
from yt8m_distill.run_config import Run, RunConfig
from yt8m_distill.training.ema_source import averaging_params

# Video-level records have no frames: two kinds of hidden layer, and two models of one size that are not taught.
FAMILIES = {"frame": ("RNN", "FVNet", "DBoF", "NetVLAD"), "video": ("Logistic", "MoE", "Hidden", "HiddenBN")}
TWICE_TAUGHT = {"frame": "NetVLAD", "video": "Hidden"}  # the paper's best family, and what stands for it
PICKED = 3
_ROUNDS = ("hard", "soft", "second")
# Averaging: two epochs, as the authors did. Their half-life was 1/29 of the steps; here there are 110 to 170 steps, and
# an average of four would hardly be one.
_AVERAGED_EPOCHS = 2
_HALF_LIFE = 20.0


@dataclasses.dataclass(frozen=True)
class Choice:
    """What goes on of a family.

    Attributes:
      models: the names of the candidates that were picked.
      averaged: whether the average of their weights does, rather than the weights.
    """

    models: tuple[str, ...]
    averaged: bool

    @property
    def tag(self):
        """Words for the names of students, which say who teaches them where it is not the first three, unaveraged."""
        numbers = [model[-1] for model in self.models]
        usual = numbers == ["1", "2", "3"] and not self.averaged
        return "" if usual else f"-of{'+'.join(numbers)}{'-ema' if self.averaged else ''}"


def families(data):
    """{family: names of its candidates, "RNN1" ..., or "MoE" where there is one}, of the level of a DataSet."""
    numbered = {
        family: tuple(sorted(name for name in data.models if name[:-1] == family and name[-1].isdigit()))
        for family in FAMILIES[data.features.level]
    }
    return {family: models or (family,) for family, models in numbered.items()}


def taught_families(data):
    """The families with enough candidates that three can teach."""
    return [family for family, models in families(data).items() if len(models) >= PICKED]


def rounds(data, family):
    """Names of the rounds of training that a family goes through."""
    if family not in taught_families(data):
        return _ROUNDS[:1]
    return _ROUNDS if family == TWICE_TAUGHT[data.features.level] else _ROUNDS[:2]


def trained(data, model, seed):
    """The Plan of a model trained on the labels."""
    training = dataclasses.replace(data.training, seed=seed)
    return Plan(f"{model}-hard-seed{seed}", data.model(model), data.features, training, data.train)


def averaged(plan):
    """The Plan that goes on from a finished one, a student on the same targets, and averages its weights."""
    config = RunConfig(plan.features, plan.model, plan.training)
    training = dataclasses.replace(
        averaging_params(Run(plan.name, config, "", 0)),  # of a cosine, the step says nothing
        num_epochs=_AVERAGED_EPOCHS,
        ema_half_life=_HALF_LIFE,
    )
    return dataclasses.replace(plan, name=f"{plan.name}-ema", training=training, source=plan)


def planned(data, choice, model, kind, seed):
    """The Plan of a model of a family in one of its `rounds`, before averaging; `choice` is the family's."""
    plan = trained(data, model, seed)
    if kind == "hard":
        return plan
    before = _ROUNDS[_ROUNDS.index(kind) - 1]
    teachers = tuple(taken(data, choice, other, before, seed) for other in choice.models)
    name = f"{model}-{kind}{choice.tag}-seed{seed}"
    return dataclasses.replace(plan, name=name, distillation=HALF_EACH, teachers=teachers)


def taken(data, choice, model, kind, seed):
    """The same as the family goes on with it: averaged where that was chosen."""
    plan = planned(data, choice, model, kind, seed)
    return averaged(plan) if choice.averaged else plan


def last_of(data, choices, seed):
    """{model: Plan} of every picked model as it stands at the end of the road."""
    return {
        model: taken(data, choice, model, rounds(data, family)[-1], seed)
        for family, choice in choices.items()
        for model in choice.models
    }
