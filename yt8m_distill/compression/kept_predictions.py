"""What several members predict for the same videos: as much of it as the GAP of any weighted mean needs. NumPy only."""

import dataclasses
import hashlib
import json
import zipfile
import zlib

import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import written_aside

_ARRAYS = ("ids", "scores", "floors", "hits", "num_labels")
_DAMAGE = (ValueError, LookupError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True)
class KeptPredictions:
    """The scores of all members for the classes that any of them ranks high.

    Of every video the same number of classes is kept, K: those of the best rank in any member, so the union of the
    members' best r with r as large as fits, in ascending order of class. 4 K bytes a video and member: 100 classes of
    nine members are 3.7 kB a video, 0.9 GB for the 232,000 videos of the paper. float16 would make ties of
    scores that differ.

    Attributes:
      ids: bytes (videos,).
      scores: float32 (members, videos, K).
      floors: float32 (members, videos), the member's highest score among the classes that are not kept; -inf where
        all are.
      hits: bool (videos, K), whether the class is a label.
      num_labels: int32 (videos,), labels inside or outside of the K.
    """

    ids: np.ndarray
    scores: np.ndarray
    floors: np.ndarray
    hits: np.ndarray
    num_labels: np.ndarray

    @property
    def num_members(self):
        """Members, each a row of `scores`."""
        return len(self.scores)

    def select(self, chosen):
        """The KeptPredictions of some videos; `chosen` is bool (videos,)."""
        return KeptPredictions(
            self.ids[chosen],
            self.scores[:, chosen],
            self.floors[:, chosen],
            self.hits[chosen],
            self.num_labels[chosen],
        )

    def folds(self, count, purpose="fold"):
        """int64 (videos,) from 0 to count - 1: the part that a video belongs to, by a hash of its id alone.

        Args:
          count: parts.
          purpose: a word that is hashed with the id: partitions of unlike purposes are independent.
        """
        salt = purpose.encode()
        digests = (hashlib.blake2b(bytes(name), digest_size=8, key=salt).digest() for name in self.ids.tolist())
        return np.array([int.from_bytes(digest, "little") % count for digest in digests], np.int64)


def write_kept(path, predictions, made_from):
    """Writes an .npz aside and renames it; `made_from` is a JSON value that says what the predictions are of."""
    arrays = {name: getattr(predictions, name) for name in _ARRAYS}
    with written_aside(path, binary=True) as file:
        np.savez(file, made_from=np.array(json.dumps(made_from)), **arrays)


def read_kept(path, made_from):
    """The KeptPredictions of a file that `write_kept` wrote.

    Raises:
      InputError: it cannot be read, or was made from something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = json.loads(str(file["made_from"]))
            _require_same(path, stored, json.loads(json.dumps(made_from)))
            return KeptPredictions(*(file[name] for name in _ARRAYS))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except _DAMAGE as error:
        raise InputError(f"{path} holds no predictions of members: {error}. Remove it or give another file.") from error


def _require_same(path, stored, asked):
    differing = [name for name in asked if stored.get(name) != asked[name]]
    if differing:
        raise InputError(
            f"{path} holds predictions made with other {', '.join(differing)} than those asked for: remove it to "
            "predict again, or give another file."
        )
