"""Local files, mapped into memory, for as long as they stay as they were when they were indexed."""

import collections
import mmap
import threading

from yt8m_distill.data.index_cache import file_stamp
from yt8m_distill.data.record_checks import RecordError

_OPEN = 256  # files; each keeps a descriptor
_KEPT_BYTES = 1 << 26  # read before their pages are given back


class MappedFiles:
    """Memory maps of files, opened when they are needed, so many at a time.

    Used by several threads at once. A map that is closed here lives on for as long as somebody reads it.
    """

    def __init__(self):
        self._maps = collections.OrderedDict()
        self._lock = threading.Lock()
        self._bytes_read = 0

    def content(self, path, stamp):
        """The mmap of a file.

        Args:
          path: a local file that is not empty. Cutting it short while the map is read ends the process.
          stamp: its `file_stamp` when it was indexed.

        Raises:
          RecordError: the file is not as it was then.
        """
        key = path, stamp
        with self._lock:
            opened = self._maps.pop(key, None) or _open(path, stamp)
            self._maps[key] = opened
            if len(self._maps) > _OPEN:
                self._maps.popitem(last=False)
        _require(path, stamp)
        return opened

    def count_read(self, num_bytes):
        """Says that so many bytes were read. Now and then gives the pages back, which stay in the system's cache.

        Without this the process would seem to hold all the files.
        """
        with self._lock:
            self._bytes_read += num_bytes
            if self._bytes_read > _KEPT_BYTES:
                self._bytes_read = 0
                for opened in self._maps.values():
                    opened.madvise(mmap.MADV_DONTNEED)


def _open(path, stamp):
    with open(path, "rb") as file:
        _require(path, stamp)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _require(path, stamp):
    if file_stamp(path) != stamp:
        raise RecordError(path, None, "it was changed while it was read: start again.")
