"""Memory for batches, used again once nobody holds the batch any more."""

import collections
import functools

import numpy as np

_SPARE = 8  # unused ones that are kept of a size; more go back to the system
_ALIGNMENT = 64  # bytes; TensorFlow copies arrays that lie otherwise


class RecycledMemory:
    """Hands out arrays whose memory comes back by itself.

    Memory that is new to a process costs a page fault every 4 kB, as much as filling it. An array handed out here, and
    whatever views it (a tensor made of it without a copy, a slice of that tensor's NumPy array), keep its memory; when
    the last of them is gone the next array may have it. Used by several threads at once.
    """

    def __init__(self):
        self._free = collections.defaultdict(functools.partial(collections.deque, maxlen=_SPARE))

    def empty(self, shape, capacity):
        """An uninitialised uint8 array.

        Args:
          shape: tuple of integers.
          capacity: bytes of the memory behind it, at least those of `shape`; memory goes to arrays of one capacity.
        """
        free = self._free[capacity]
        try:
            memory = free.pop()
        except IndexError:
            room = np.empty(capacity + _ALIGNMENT, np.uint8)
            memory = room[-room.ctypes.data % _ALIGNMENT :]
        return np.asarray(_Lease(memory, free))[: np.prod(shape, dtype=np.int64)].reshape(shape)


class _Lease:
    """What an array handed out is a view of: its end is the end of all that views the memory."""

    def __init__(self, memory, free):
        self._memory, self._free = memory, free
        self.__array_interface__ = memory.__array_interface__

    def __del__(self):
        self._free.append(self._memory)
