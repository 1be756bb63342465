"""The files of a store of soft labels: store.json, and one .npy file for each shard of records. NumPy only.

STORE/store.json     `StoreSettings`, and a `StoredShard` for every file
STORE/SHARD.npy      a structured array of one row a video, for `np.load`: "id" bytes; "classes" uint16 (int32 for more
                     than 65,536) and "scores" float16, the K best, best first; "rest" float32, the sum of the others;
                     "representation" float16. Full vectors are K = 0: no "classes", and a score for each class. A
                     representation that is not stored has no values.
"""

import dataclasses
import json
import os

import numpy as np

from yt8m_distill.checksums import file_sha256
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.distillation import Teacher
from yt8m_distill.written_aside import written_aside

_VERSION = 1
_MOST_UINT16 = 1 << 16  # classes


@dataclasses.dataclass(frozen=True)
class StoreSettings:
    """What the numbers of a store mean.

    Attributes:
      teachers: the checkpoints whose predictions were mixed; weights sum to 1.
      num_classes: classes of the predictions.
      top_k: scores kept of each video, 0 for all.
      temperature, output: how the predictions were softened (`mixture.soften`).
      representation_size: values of the teacher's representation, 0 where it is not stored.
    """

    teachers: tuple[Teacher, ...]
    num_classes: int
    top_k: int
    temperature: float = 1.0
    output: str = "sigmoid"
    representation_size: int = 0


@dataclasses.dataclass(frozen=True)
class StoredShard:
    """One file of the store and the shard of records that it was made from.

    Attributes:
      name: file name of the shard of records, without its folder; the store's file is NAME.npy.
      size, fingerprint: `data.shard_fingerprint` of that shard.
      videos: rows.
      sha256: of the store's file.
      kept_mass, rest_mass: sums over the videos of the scores that were kept, and of those that were not.
    """

    name: str
    size: int
    fingerprint: str
    videos: int
    sha256: str
    kept_mass: float
    rest_mass: float


def settings_path(directory):
    """STORE/store.json."""
    return os.path.join(directory, "store.json")


def rows_path(directory, name):
    """STORE/SHARD.npy."""
    return os.path.join(directory, f"{name}.npy")


def write_settings(directory, settings, shards):
    """Writes STORE/store.json aside and renames it.

    Args:
      shards: {name: StoredShard}.
    """
    listed = [dataclasses.asdict(shards[name]) for name in sorted(shards)]
    with written_aside(settings_path(directory)) as file:
        json.dump({"version": _VERSION, **dataclasses.asdict(settings), "shards": listed}, file, indent=1)
        file.write("\n")


def read_settings(directory):
    """(StoreSettings, {name: StoredShard}).

    Raises:
      InputError: there is no store, or store.json cannot be used.
    """
    path = settings_path(directory)
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        version, shards = values.pop("version"), [StoredShard(**shard) for shard in values.pop("shards")]
        if version != _VERSION:
            raise ValueError(f"it is of version {version} and this program reads {_VERSION}")
        teachers = tuple(Teacher(**teacher) for teacher in values.pop("teachers"))
        return StoreSettings(teachers=teachers, **values), {shard.name: shard for shard in shards}
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{directory} is no store of soft labels: it has no store.json. Write one with tfrecords_tools.soft_labels."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} cannot be used: {error}. Was it written by another version?") from error


def store_checksum(directory):
    """SHA-256 of STORE/store.json, which holds that of every other file; raises what `read_settings` does."""
    read_settings(directory)
    return file_sha256(settings_path(directory))


def row_dtype(settings, id_size):
    """The structured dtype of a video's row whose id has up to `id_size` bytes."""
    classes = np.uint16 if settings.num_classes <= _MOST_UINT16 else np.int32
    scores = settings.top_k or settings.num_classes
    return np.dtype(
        [
            ("id", f"S{max(id_size, 1)}"),
            ("classes", classes, (settings.top_k,)),
            ("scores", np.float16, (scores,)),
            ("rest", np.float32),
            ("representation", np.float16, (settings.representation_size,)),
        ]
    )


def write_rows(directory, name, rows):
    """Writes STORE/NAME.npy aside and renames it."""
    with written_aside(rows_path(directory, name), binary=True) as file:
        np.save(file, rows, allow_pickle=False)


def read_rows(directory, shard, settings, mapped=False):
    """The rows of one file of the store, a structured array (videos,).

    Args:
      shard: StoredShard.
      mapped: map the file into memory instead of reading it; its bytes are then not compared with their checksum.

    Raises:
      InputError: the file is missing, damaged, or of other numbers than store.json says.
    """
    path = rows_path(directory, shard.name)
    try:
        rows = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        fits = rows.shape == (shard.videos,) and rows.dtype == row_dtype(settings, rows.dtype["id"].itemsize)
    except FileNotFoundError:
        raise InputError(f"{path} is missing: write it with tfrecords_tools.soft_labels.") from None
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}. Remove it and write it again.") from error
    if not fits:
        raise InputError(f"{path} does not hold what store.json says: remove it and write it again.")
    if not mapped and file_sha256(path) != shard.sha256:
        raise InputError(f"{path} is damaged: its SHA-256 is not that of store.json. Remove it and write it again.")
    return rows
