"""The runs that an ensemble is made of, and the weights that an earlier search wrote for them."""

import dataclasses
import json
import os

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.stored_size import stored_bytes
from yt8m_distill.errors import InputError


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A run that may be in an ensemble.

    Attributes:
      run: its directory.
      checksum, use_ema: of its checkpoint, and whether the average in it is meant.
      model: name of its model.
      num_bytes: of its weights as stored.
    """

    run: str
    checksum: str
    use_ema: bool
    model: str
    num_bytes: int

    @property
    def name(self):
        """The last part of its directory."""
        return os.path.basename(os.path.normpath(self.run))


def candidates_of(runs):
    """The Candidates that these Runs are.

    Raises:
      InputError: two are the same.
    """
    members = []
    for run in runs:
        checksum = checkpoint_checksum(run.checkpoint)
        if checksum in [other.checksum for other in members]:
            raise InputError(f"--members names the checkpoint {run.checkpoint} twice: leave one out, weigh it more.")
        members.append(Candidate(run.directory, checksum, run.use_ema, run.config.model.name, stored_bytes(run)))
    return tuple(members)


def read_weights(path, members):
    """The weights of a file that `EnsembleReport.write` wrote, in the order of these members.

    Raises:
      InputError: it cannot be read, or is of other members.
    """
    try:
        with open(path, encoding="utf-8") as file:
            stored = {(m["checksum"], m["use_ema"]): (m["run"], float(m["weight"])) for m in json.load(file)["members"]}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Search for weights with --search.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} holds no weights: {error}. Search for weights with --search.") from error
    given = {(member.checksum, member.use_ema): member.run for member in members}
    unknown = [run for key, run in given.items() if key not in stored]
    missing = [run for key, (run, _) in stored.items() if key not in given]
    if unknown or missing:
        raise InputError(
            f"{path} holds weights of other checkpoints: none for {', '.join(unknown) or 'no one more'}, and some for "
            f"{', '.join(missing) or 'no one more'}. Give the members that it was written for, or --search again."
        )
    return [stored[member.checksum, member.use_ema][1] for member in members]
