"""The progress of a download on a terminal."""

import sys
import threading

import tqdm


class Progress:
    """A bar of bytes with the count of files; silent where standard error is no terminal. For several threads."""

    def __init__(self, files, size):
        """`files`: how many there are. `size`: bytes of all of them, or None."""
        self._lock = threading.Lock()
        self._files, self._files_done, self._done = files, 0, {}
        self._bar = tqdm.tqdm(total=size, unit="B", unit_scale=True, disable=None, postfix=f"files 0/{files}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._bar.close()

    def report(self, name, done):
        """`done`: bytes of the file in hand; fewer than before where it starts again."""
        with self._lock:
            self._bar.update(done - self._done.get(name, 0))
            self._done[name] = done

    def file_done(self):
        with self._lock:
            self._files_done += 1
            self._bar.set_postfix_str(f"files {self._files_done}/{self._files}")

    def note(self, text):
        """Prints a line above the bar, or on its own where there is no bar."""
        with self._lock:
            tqdm.tqdm.write(text, file=sys.stderr)
