"""Local files, mapped into memory."""

import collections
import mmap
import threading

_OPEN = 256  # files; each keeps a descriptor
_KEPT_BYTES = 1 << 26  # read before their pages are given back


class MappedShards:
    """Memory maps of some files, opened when they are needed.

    Used by several threads at once. A map that is closed here lives on for as long as somebody reads it.

    Args:
      paths: local files. They must not be cut short while they are read: reading what is gone ends the process.
    """

    def __init__(self, paths):
        self._paths = tuple(paths)
        self._maps = collections.OrderedDict()
        self._lock = threading.Lock()
        self._bytes_read = 0

    def __getitem__(self, shard):
        """The mmap of file number `shard`."""
        with self._lock:
            opened = self._maps.pop(shard, None) or self._open(shard)
            self._maps[shard] = opened
            if len(self._maps) > _OPEN:
                self._maps.popitem(last=False)
        return opened

    def _open(self, shard):
        with open(self._paths[shard], "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

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
