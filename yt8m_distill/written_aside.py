"""Files that appear under their name once they are complete. Standard library only."""

import contextlib
import os

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
