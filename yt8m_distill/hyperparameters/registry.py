"""Every model by name. A variant is a registered function that holds only its numbers."""

import dataclasses
import difflib
import functools
from typing import Any

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.head import HeadParams

_PARTS = ("aggregator", "head", "front_end")
_VARIANTS = {}
_STARTER_CODE_NAMES = {
    "MoeModel": "MoE",
    "MoE2Model": "MoE",
    "MixNeXtVladModel": "MixNeXtVLAD",
    "NetVLADModelLF": "NetVLAD",
    "NetFVModelLF": "NetFV",
    "DbofModel": "DBoF",
    "SoftDbofModelLF": "SoftDBoF",
    "GatedDbofModelLF": "GatedDBoF_4096_1024",
    "LstmModel": "LSTM",
    "GruModel": "GRU",
    "Lstmbidirect": "BidirectionalLSTM",
    "GRUbidirect": "BidirectionalGRU",
    "GRUbidirect_branchedBN": "DualPathGRU",
    "HierarchicalLstmModel": "HRNN",
}


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model in numbers: an aggregator of some family, a head and a front end.

    Attributes:
      aggregator: frozen dataclass of the family, with `family` and `level` as class variables.
      head: `HeadParams`.
      front_end: `FrontEndParams`.
      name: name under which the variant is registered.
    """

    aggregator: Any
    head: HeadParams = dataclasses.field(default_factory=HeadParams)
    front_end: FrontEndParams = dataclasses.field(default_factory=FrontEndParams)
    name: str = ""

    @property
    def level(self):
        """ "frame" or "video": the level of the features the model reads."""
        return self.aggregator.level

    @property
    def fields(self):
        """{field name: part that holds it}, the aggregator's own fields first."""
        return {field.name: part for part in _PARTS for field in dataclasses.fields(getattr(self, part))}


def register(function):
    """Decorator: registers a function without arguments that returns a `ModelConfig` under the function's name.

    Raises:
      ValueError: the name is taken.
    """
    name = function.__name__
    if name in _VARIANTS:
        raise ValueError(f"A model named {name} is registered already, by {_VARIANTS[name].__module__}.")
    _VARIANTS[name] = function
    return function


def names():
    """Names of all registered models, in alphabetical order."""
    return sorted(_VARIANTS, key=str.lower)


def model_config(name, **overrides):
    """The registered configuration `name`, with fields of its aggregator, head or front end replaced.

    Args:
      name: a registered name, or the starter code's name of the same model (`FrameLevelLogisticModel`).
      **overrides: new values by field name.

    Raises:
      InputError: an unknown model, a field this model does not have, a value out of its range.
    """
    name = _resolve(name)
    return with_fields(dataclasses.replace(_VARIANTS[name](), name=name), **overrides)


def with_fields(config, **overrides):
    """`config` with fields of its aggregator, head or front end replaced; raises what `model_config` does."""
    by_part = {part: {} for part in _PARTS}
    for field, value in overrides.items():
        if field not in config.fields:
            raise InputError(f"{config.name} has no --{field}: its fields are {', '.join(config.fields)}.")
        by_part[config.fields[field]][field] = value
    parts = {part: dataclasses.replace(getattr(config, part), **values) for part, values in by_part.items()}
    return dataclasses.replace(config, **parts)


def _resolve(name):
    for candidate in (name, _STARTER_CODE_NAMES.get(name), name.removesuffix("Model")):
        if candidate in _VARIANTS:
            return candidate
    by_lower_case = {known.lower(): known for known in names()}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    hint = f" Did you mean {by_lower_case[near[0]]}?" if near else ""
    raise InputError(f"There is no model {name!r}.{hint} Choose one of {', '.join(names())}.")


def for_frames(config, num_frames):
    """`config` for a student of the same family that sees `num_frames` frames of a video.

    The same numbers, but where they depend on the frames (`HierarchicalRNNParams.for_frames`).

    Raises:
      InputError: fewer than one frame.
    """
    if num_frames < 1:
        raise InputError(f"A student of {num_frames} frames: expected a whole number of at least 1.")
    if not hasattr(config.aggregator, "for_frames"):
        return config
    return dataclasses.replace(config, aggregator=config.aggregator.for_frames(num_frames))


def to_dict(config):
    """`config` as a dict of plain values, for `config.json`; `from_dict` is its exact inverse."""
    parts = {part: dataclasses.asdict(getattr(config, part)) for part in _PARTS}
    return {"name": config.name, "family": config.aggregator.family, **parts}


def from_dict(values):
    """The `ModelConfig` of which `to_dict` made `values`.

    A field that an older version did not write has the value in the family's `before_fields`, or else its default.

    Raises:
      InputError: an unknown family, an unknown field or a missing part, by name.
    """
    if missing := [key for key in ("name", "family", *_PARTS) if key not in values]:
        raise InputError(f"The model's configuration lacks {', '.join(missing)}.")
    if values["family"] not in families():
        raise InputError(f"There is no family {values['family']!r}. Known: {', '.join(families())}.")
    return ModelConfig(
        name=values["name"],
        aggregator=_from_fields(families()[values["family"]], values["aggregator"]),
        head=_from_fields(HeadParams, values["head"]),
        front_end=_from_fields(FrontEndParams, values["front_end"]),
    )


def _from_fields(params_class, values):
    known = [field.name for field in dataclasses.fields(params_class)]
    if unknown := [name for name in values if name not in known]:
        raise InputError(f"{params_class.__name__} has no field {', '.join(unknown)}: it has {', '.join(known)}.")
    return params_class(**{**getattr(params_class, "before_fields", {}), **values})


@functools.cache
def _families_of(variant_names):
    classes = [type(_VARIANTS[name]().aggregator) for name in variant_names]
    return {params_class.family: params_class for params_class in classes}


def families():
    """{family: its parameter class}, of every family with a registered variant."""
    return _families_of(tuple(_VARIANTS))


@dataclasses.dataclass(frozen=True)
class FieldInfo:
    """What a flag needs to know about a field: its type, its help and the families that use it."""

    type: type
    help: str
    families: tuple[str, ...]


def all_fields():
    """{field name: FieldInfo} over all families, heads and front ends.

    Raises:
      ValueError: two families give one field name two types.
    """
    every_family = tuple(families())
    owners = [((family,), params_class) for family, params_class in families().items()]
    owners += [(every_family, HeadParams), (every_family, FrontEndParams)]
    found = {}
    for users, params_class in owners:
        for field in dataclasses.fields(params_class):
            known = found.get(field.name, FieldInfo(field.type, field.metadata["help"], ()))
            if known.type is not field.type:
                raise ValueError(f"{params_class.__name__}.{field.name} is {field.type}, elsewhere {known.type}.")
            found[field.name] = dataclasses.replace(known, families=known.families + users)
    return found
