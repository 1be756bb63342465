"""Files and folders that appear under their name once they are complete. Standard library only."""

import contextlib
import os
import re
import shutil

from yt8m_distill.errors import InputError


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
      InputError: the file cannot be created there.
    """
    path = os.fspath(path)
    require_writable(path)
    aside = f"{path}.{os.getpid()}.partial"
    try:
        # Closed below.
        file = open(aside, "wb") if binary else open(aside, "w", encoding="utf-8", newline="\n")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with file:
            yield file
        os.replace(aside, path)
    except BaseException:
        os.remove(aside)
        raise


@contextlib.contextmanager
def folder_aside(directory, mark, overwrite=False):
    """A folder to fill; it takes the name `directory` when the block ends, and goes when the block raises.

    Args:
      directory: the name; a folder of that name that is empty gives way. Of a symbolic link it is what that leads to.
      mark: a file that tells folders of this kind from others, which are never replaced.
      overwrite: whether an earlier folder of this kind gives way too, once the new one is complete.

    Raises:
      InputError: `directory` holds something that does not give way.
    """
    require_replaceable(directory, mark, overwrite)
    directory = os.path.realpath(directory)
    aside, old = (f"{directory}.{os.getpid()}.{ending}" for ending in ("partial", "old"))
    os.makedirs(aside)
    try:
        yield aside
        if os.path.exists(directory):
            os.rename(directory, old)
        os.rename(aside, directory)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


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
