"""Ctrl-C and SIGTERM end a run after the step under way, with a checkpoint."""

import signal
import threading


class StopRequest:
    """A context in which the first SIGINT or SIGTERM sets `requested`; a second one interrupts at once.

    Outside of the main thread, where Python allows no signal handlers, nothing is caught.
    """

    def __init__(self):
        self.requested = False
        self._previous = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *unused):
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
