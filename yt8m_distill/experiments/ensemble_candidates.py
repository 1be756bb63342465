"""The runs that an ensemble is made of."""

import dataclasses
import os
import pathlib

from yt8m_distill.compression.stored_size import stored_bytes
from yt8m_distill.errors import InputError
from yt8m_distill.inference.member_predictions import member_checksum


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A run that may be in an ensemble.

    Attributes:
      name: tells it from the other candidates: the last part of its directory, or more of it where others end alike,
        and @STEP where several are checkpoints of one run.
      run, checkpoint: its directory, and prefix of the checkpoint.
      checksum: its `member_checksum`.
      use_ema: whether the average in the checkpoint is meant.
      model: name of its model.
      num_bytes: of its weights as stored.
    """

    name: str
    run: str
    checkpoint: str
    checksum: str
    use_ema: bool
    model: str
    num_bytes: int


def candidates_of(runs):
    """The Candidates that these Runs are.

    Raises:
      InputError: two are the same.
    """
    members = []
    for run, name in zip(runs, _distinct_names(runs), strict=True):
        checksum = member_checksum(run)
        if checksum in [other.checksum for other in members]:
            raise InputError(f"--members names the checkpoint {run.checkpoint} twice: leave one out, weigh it more.")
        model, size = run.config.model.name, stored_bytes(run)
        members.append(Candidate(name, run.directory, run.checkpoint, checksum, run.use_ema, model, size))
    return tuple(members)


def _distinct_names(runs):
    paths = [pathlib.PurePath(os.path.abspath(run.directory)).parts for run in runs]
    names = [_shortest_end(path, set(paths) - {path}) for path in paths]
    steps = [f"@{run.step}" if paths.count(path) > 1 else "" for run, path in zip(runs, paths, strict=True)]
    return [name + step for name, step in zip(names, steps, strict=True)]


def _shortest_end(path, others):
    """The fewest last parts of a path in which none of the others ends."""
    lengths = range(1, len(path) + 1)
    length = next(n for n in lengths if all(other[-n:] != path[-n:] for other in others))
    return os.path.join(*path[-length:])
