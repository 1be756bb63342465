"""What of a store of soft labels is done already, and whether it fits what is to be added."""

import dataclasses
import os

from yt8m_distill.data.shard_fingerprint import shard_fingerprint
from yt8m_distill.distillation.soft_label_files import read_rows, read_settings, rows_path, settings_path
from yt8m_distill.errors import InputError


def stored_shards(directory, settings, named, overwrite=False):
    """{name: StoredShard} of what the store holds; it is made, or emptied, as asked.

    A file that is missing, or of another length, is as if it had never been stored.

    Args:
      directory: the store, there or not.
      settings: the StoreSettings that it is to have.
      named: {name: path} of the shards of records, which are compared with those that are stored.
      overwrite: whether to remove everything that store.json lists.

    Raises:
      InputError: the store has other settings, or holds the soft labels of another file of that name.
    """
    os.makedirs(directory, exist_ok=True)
    if not os.path.exists(settings_path(directory)):
        return {}
    if overwrite:
        _empty(directory)
        return {}
    stored, shards = read_settings(directory)
    _require_same(stored, settings, directory)
    whole = {name: shard for name, shard in shards.items() if _is_whole(directory, shard, settings)}
    for name, path in named.items():
        if name in whole:
            _require_unchanged(path, whole[name], directory)
    return whole


def _is_whole(directory, shard, settings):
    """Whether the file is there and as long as it should be; what is not is predicted again."""
    try:
        read_rows(directory, shard, settings, mapped=True)
    except InputError:
        return False
    return True


def _empty(directory):
    """Removes the files that store.json lists, and store.json."""
    try:
        shards = read_settings(directory)[1]
    except InputError:
        shards = {}
    for path in [settings_path(directory), *(rows_path(directory, name) for name in shards)]:
        if os.path.exists(path):
            os.remove(path)


def _require_same(stored, asked, directory):
    for field in dataclasses.fields(asked):
        there, here = getattr(stored, field.name), getattr(asked, field.name)
        if field.name == "teachers":
            there, here = _told(there), _told(here)
        if there != here:
            raise InputError(
                f"{directory} holds soft labels with {field.name}={there} and these would have {field.name}={here}: "
                "give the same, --overwrite, or another --output_dir."
            )


def _told(teachers):
    return " + ".join(f"{teacher.weight:.6g} * checkpoint of SHA-256 {teacher.checksum}" for teacher in teachers)


def _require_unchanged(path, stored, directory):
    now = shard_fingerprint(path)
    if (stored.size, stored.fingerprint) != now:
        raise InputError(
            f"{path} ({now[0]:,} bytes, {now[1]}) is not the file of that name whose soft labels {directory} holds "
            f"({stored.size:,} bytes, {stored.fingerprint}): put it back, or give --overwrite or another --output_dir."
        )
