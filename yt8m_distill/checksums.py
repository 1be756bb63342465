"""What tells one set of trained weights from another. Standard library only."""

import glob
import hashlib

from yt8m_distill.errors import InputError


def checkpoint_checksum(prefix):
    """SHA-256, hexadecimal, of the files of a checkpoint: PREFIX.index, then PREFIX.data-* by name.

    It covers every byte that TensorFlow restores from, the optimizer's numbers among them; the files' names do not
    count, so that a run may be moved or renamed.

    Raises:
      InputError: there is no such checkpoint.
    """
    parts = sorted(glob.glob(f"{glob.escape(prefix)}.data-*"))
    if not parts:
        raise InputError(f"{prefix}: expected the files of a checkpoint, {prefix}.index and {prefix}.data-*.")
    digest = hashlib.sha256()
    for path in (f"{prefix}.index", *parts):
        digest.update(bytes.fromhex(file_sha256(path)))
    return digest.hexdigest()


def file_sha256(path):
    """SHA-256 of the content of a file, hexadecimal.

    Raises:
      InputError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
