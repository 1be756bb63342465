"""Indexes of shards kept in a folder, so that every file is indexed once for as long as it stays as it is."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import os
import zipfile

import numpy as np
from tqdm import tqdm

from yt8m_distill.data.record_checks import RecordError
from yt8m_distill.data.record_index import ShardIndex, build_index

_VERSION = 2
_FIELDS = tuple(field.name for field in dataclasses.fields(ShardIndex))


def index_shards(paths, stamps=None):
    """The ShardIndex of every path: kept from an earlier time where the file is as it was, else built and kept.

    A progress bar shows on stderr, where that is a terminal and there is a shard to read.

    Args:
      paths: local, uncompressed TFRecord files.
      stamps: `file_stamp` of each; as they are now when None.

    Raises:
      RecordError: a shard is missing, damaged, or not as its stamp says; names the file and the record.
    """
    stamps = list(map(file_stamp, paths)) if stamps is None else stamps
    unread = sum(not os.path.exists(cache_path(path)) for path in paths)
    bar = tqdm(total=len(paths), unit="shard", desc="index", disable=None if unread else True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, bar:
        indexes = []
        for index in pool.map(_index_shard, paths, stamps):
            indexes.append(index)
            bar.update()
    return indexes


def cache_path(path):
    """The file in which the index of a shard is kept.

    Its folder is $YT8M_DISTILL_INDEX_DIR, else yt8m_distill/index in $XDG_CACHE_HOME or ~/.cache.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.environ.get("YT8M_DISTILL_INDEX_DIR") or os.path.join(home, "yt8m_distill", "index")
    return os.path.join(folder, hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:40] + ".npz")


def file_stamp(path):
    """What tells whether a file is as it was: bytes, both times of its last change, its place on the disk.

    A copy that keeps the time of modification has another place, or another time of change.

    Raises:
      RecordError: there is no such file.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise RecordError(path, None, f"it cannot be read: {error.strerror}.") from error
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _index_shard(path, stamp):
    kept = _read(cache_path(path), stamp)
    if kept is None:
        kept = build_index(path)
        if file_stamp(path) != stamp:
            raise RecordError(path, None, "it was changed while it was indexed: start again.")
        _write(cache_path(path), stamp, kept)
    return kept


def _read(path, stamp):
    """The ShardIndex in a file of the cache; None where it is missing, unreadable or of another state of the shard."""
    try:
        with np.load(path) as arrays:
            if arrays["key"].tolist() != [_VERSION, *stamp]:
                return None
            return ShardIndex(**{name: arrays[name] for name in _FIELDS})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
        return None


def _write(path, stamp, index):
    """Writes aside and renames; a folder that cannot be written to costs time at the next start, nothing else."""
    aside = f"{path}.{os.getpid()}.partial"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(aside, "wb") as file:
            np.savez(file, key=np.array([_VERSION, *stamp]), **{name: getattr(index, name) for name in _FIELDS})
        os.replace(aside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(aside)
