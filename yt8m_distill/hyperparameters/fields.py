"""How a hyper-parameter is declared and checked: a default, a line of help, a range."""

import dataclasses

from yt8m_distill.errors import InputError


def field(default, help):
    """A dataclass field whose help line becomes the help of its flag."""
    return dataclasses.field(default=default, metadata={"help": help})


def require_positive(params, *names):
    """Raises InputError for the first of the fields `names` that is below 1."""
    for name in names:
        if getattr(params, name) < 1:
            raise InputError(f"--{name}={getattr(params, name)}: expected a whole number of at least 1.")


def require_fraction(params, *names):
    """Raises InputError for the first of the fields `names` outside [0, 1)."""
    for name in names:
        if not 0.0 <= getattr(params, name) < 1.0:
            raise InputError(f"--{name}={getattr(params, name)}: expected a number from 0 up to, not including, 1.")


def require_choice(params, name, choices):
    """Raises InputError where the field `name` is none of `choices`."""
    if getattr(params, name) not in choices:
        raise InputError(f"--{name}={getattr(params, name)}: expected one of {', '.join(choices)}.")
