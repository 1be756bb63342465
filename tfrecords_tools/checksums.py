"""Which files of a directory were found whole, so that a restart does not read terabytes again."""

import hashlib
import json
import os
import threading
import time

_SAVE_EVERY = 5.0  # seconds


def file_md5(path):
    """MD5 of the content of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class Checksums:
    """Checksums of verified files, kept in a small JSON file: {name: {"size", "mtime_ns", "md5"}}.

    An entry counts only while size and modification time of the file are the ones it was verified with. Used by
    several threads at once. The JSON file is written aside and renamed, at most every five seconds and by `save`;
    one that is missing or unreadable costs time, never correctness.
    """

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()
        try:
            with open(path, encoding="utf-8") as file:
                self._entries = dict(json.load(file))
        except (OSError, ValueError, TypeError):
            self._entries = {}

    def fits(self, path, md5):
        """True where the file at `path` exists and has this MD5; reads the file only where no valid entry says so."""
        if not os.path.isfile(path):
            return False
        return self._entries.get(os.path.basename(path)) == _entry(path, md5) or self.fits_on_disk(path, md5)

    def fits_on_disk(self, path, md5):
        """`fits` that always reads the whole file."""
        entry = _entry(path, md5)  # before reading: a change during the reading leaves an entry that does not count
        whole = file_md5(path) == md5
        self._record(path, entry if whole else None)
        return whole

    def record_verified(self, path, md5):
        """Keeps that the file at `path`, as it is now, has this MD5."""
        self._record(path, _entry(path, md5))

    def save(self):
        with self._lock:
            with open(f"{self._path}.partial", "w", encoding="utf-8") as file:
                json.dump(self._entries, file)
            os.replace(f"{self._path}.partial", self._path)
            self._saved_at = time.monotonic()

    def _record(self, path, entry):
        with self._lock:
            if entry:
                self._entries[os.path.basename(path)] = entry
            else:
                self._entries.pop(os.path.basename(path), None)
            due = time.monotonic() - self._saved_at > _SAVE_EVERY
        if due:
            self.save()


def _entry(path, md5):
    status = os.stat(path)
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "md5": md5}
