"""Files and folders that appear under their name once they are complete. Standard library only."""

import contextlib
import errno
import os
import re
import secrets
import shutil

from yt8m_distill.errors import InputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def require_writable(path):
    """Raises InputError where no file can be written at `path`: to be called before the work, not after it."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise InputError(f"{path} is a directory: expected the name of a file to write.")
    if not os.path.isdir(folder):
        raise InputError(f"{path} cannot be written: there is no folder {folder}. Give a file in a folder that exists.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path} cannot be written: the folder {folder} is not writable.")


@contextlib.contextmanager
def written_aside(path, binary=False):
    """A file of text (or bytes) to write; it takes the name `path` when the block ends, and goes when the block raises.

    Raises:
      InputError: the file cannot be created there, or the disk is full.
    """
    path = os.fspath(path)
    require_writable(path)
    aside = _new_name(path, "partial")
    try:
        # Closed below.
        file = open(aside, "wb") if binary else open(aside, "w", encoding="utf-8", newline="\n")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with file:
            yield file
        os.replace(aside, path)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(FileNotFoundError):  # it has its name
            os.remove(aside)


@contextlib.contextmanager
def folder_aside(directory, mark, overwrite=False):
    """A folder to fill; it takes the name `directory` when the block ends, and goes when the block raises.

    Where the change of names is interrupted, an earlier folder has its name again; only a process killed between its
    two steps leaves both folders beside it, as DIRECTORY.*.old and DIRECTORY.*.partial.

    Args:
      directory: the name; a folder of that name that is empty gives way. Of a symbolic link it is what that leads to.
      mark: a file that tells folders of this kind from others, which are never replaced.
      overwrite: whether an earlier folder of this kind gives way too, once the new one is complete.

    Raises:
      InputError: `directory` holds something that does not give way; where that appeared during the block, what the
        block wrote goes.
    """
    require_replaceable(directory, mark, overwrite)
    directory = os.path.realpath(directory)
    aside, made = _new_name(directory, "partial"), _missing_parents(directory)
    try:
        os.makedirs(aside)
        yield aside
        _require_still_replaceable(directory, mark, overwrite)
        _take_name(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty
            for folder in made:
                os.rmdir(folder)


def require_replaceable(directory, mark, overwrite=False):
    """Raises InputError unless `folder_aside` may and can write a folder: to be called before the work too."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", directory):
        raise InputError(f"{directory} is not on a local disk: give a local folder, and copy it there.")
    _require_room(os.path.realpath(directory), directory)
    if not os.path.exists(directory) or (os.path.isdir(directory) and not os.listdir(directory)):
        return
    if not os.path.exists(os.path.join(directory, mark)):
        raise InputError(f"{directory} exists and holds no {mark}: give another --output_dir.")
    if not overwrite:
        raise InputError(f"{directory} is there already: give another --output_dir, or --overwrite.")


def _require_still_replaceable(directory, mark, overwrite):
    try:
        require_replaceable(directory, mark, overwrite)
    except InputError as error:
        raise InputError(f"{error} This was not so when the work began: its result is not kept.") from error


def _take_name(aside, directory):
    """Gives a folder its name, and removes an earlier one of that name; where that fails, the earlier one is back."""
    old = _new_name(directory, "old")
    try:
        if os.path.exists(directory):
            os.rename(directory, old)
        os.rename(aside, directory)
    finally:
        if not os.path.exists(aside):
            shutil.rmtree(old, ignore_errors=True)
        elif os.path.exists(old):
            os.rename(old, directory)


def _new_name(path, ending):
    """A free name beside `path`. One with the process number may be taken: killed processes leave their files."""
    return f"{path}.{secrets.token_hex(4)}.{ending}"


def _missing_parents(path):
    """The folders on the way to `path` that are not there, the innermost first."""
    parent = os.path.dirname(path)
    return [] if os.path.lexists(parent) else [parent, *_missing_parents(parent)]


def _require_room(real, directory):
    """Raises InputError where no folder `real` can be made, or renamed, beside others."""
    if os.path.ismount(real):
        raise InputError(f"{directory} is a mount point, which cannot be replaced: give a folder in it.")
    parent = os.path.dirname(real)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        raise InputError(f"{directory} cannot be written: {parent} is no folder. Give another --output_dir.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"{directory} cannot be written: the folder {parent} is not writable.")
