"""One file over HTTP: retries, continuation with Range requests, MD5, nothing under its name before it is whole."""

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from http import HTTPStatus

ATTEMPTS = 8  # in a row that bring no new byte; pauses of 1, 2, 4 ... seconds make two minutes
WRONG_CHECKSUMS = 3  # whole downloads of one file
_LONGEST_PAUSE = 60.0  # seconds
_TIMEOUT = 60.0  # seconds without a byte
_SIZE_TIMEOUT = 10.0
_CHUNK = 1 << 18  # bytes


class TransferError(Exception):
    """One file could not be fetched; the message says why in a few words."""


class Stopped(Exception):
    """The transfer was told to stop; its partial file stays."""


class _Failure(Exception):
    """An attempt failed: the network, the server or the content. `status`: that of the HTTP answer, if any."""

    def __init__(self, reason, status=None):
        super().__init__(reason)
        self.status = status

    @property
    def final(self):
        """True where asking again cannot help."""
        return bool(self.status) and self.status < 500 and self.status not in (408, 429)


class _WrongChecksum(_Failure):
    pass


def content(url, stop, **retries):
    """The bytes at `url`. Raises TransferError and Stopped; `retries` as in `retry`."""

    def read():
        with _network(), _open(url) as response:
            return response.read()

    return retry(read, stop, **retries)


def content_length(url):
    """Size in bytes of what lies at `url`, or None where the server does not say."""
    try:
        with _open(url, method="HEAD", timeout=_SIZE_TIMEOUT) as response:
            return _length(response)
    except _Failure:
        return None


class Download:
    """The way of one file from `url` to `path`.

    Bytes go to `path` + ".partial", which takes the name `path` once its MD5 is the expected one. A partial file of
    an earlier run is continued with a Range request, or from the start where the server ignores that. A whole file with
    a wrong MD5 is deleted and fetched again, three times at most.

    Attributes:
      received: bytes that came over the network.
    """

    def __init__(self, url, path, md5, report=lambda done: None):
        """`report(done)` is called with the bytes in hand as they come in."""
        self._url, self._path, self._md5, self._report = url, path, md5, report
        self._partial = f"{path}.partial"
        self._done = 0  # bytes in the partial file
        self._furthest = 0
        self.received = 0

    def run(self, stop, first_pause=1.0, note=lambda text: None):
        """Fetches the file.

        Args:
          stop: threading.Event that ends the transfer early.
          first_pause: seconds before the first retry; doubles with each one.
          note: function of a line of text, called before a retry.

        Raises:
          TransferError: given up. OSError: the disk does not take the file. Stopped: `stop` was set.
        """
        retry(lambda: self._attempt(stop), stop, first_pause, note=note, progress=lambda: self._furthest)

    def _attempt(self, stop):
        digest = self._in_hand()
        if not self._done or digest.hexdigest() != self._md5:
            digest = self._receive(digest, stop)
        # The size on disk too: another process may have written to the same partial file.
        if digest.hexdigest() != self._md5 or os.path.getsize(self._partial) != self._done:
            os.remove(self._partial)
            raise _WrongChecksum(f"MD5 is {digest.hexdigest()}, the plan says {self._md5}")
        os.replace(self._partial, self._path)

    def _in_hand(self):
        """MD5 object over the partial file of an earlier attempt or run."""
        digest, self._done = hashlib.md5(usedforsecurity=False), 0
        if os.path.exists(self._partial) and os.path.getsize(self._partial):
            with open(self._partial, "rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    self._done += len(chunk)
        return digest

    def _receive(self, digest, stop):
        with self._request() as response:
            if self._done and response.status != HTTPStatus.PARTIAL_CONTENT:
                digest, self._done = hashlib.md5(usedforsecurity=False), 0
            elif self._done and not response.headers.get("Content-Range", "").startswith(f"bytes {self._done}-"):
                os.remove(self._partial)
                raise _Failure("the server sent another range than the one asked for")
            length = _length(response)
            size = None if length is None else self._done + length
            with open(self._partial, "ab" if self._done else "wb") as out:
                self._copy(response, out, digest, stop)
        if size is not None and self._done < size:
            raise _Failure(f"the connection ended after {self._done} of {size} bytes")
        return digest

    def _request(self):
        try:
            return _open(self._url, headers={"Range": f"bytes={self._done}-"} if self._done else {})
        except _Failure as failure:
            if failure.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and self._done:
                os.remove(self._partial)
                raise _Failure("the partial file is longer than the one on the server") from failure
            raise

    def _copy(self, response, out, digest, stop):
        self._report(self._done)
        while chunk := _read(response):
            if stop.is_set():
                raise Stopped
            out.write(chunk)
            digest.update(chunk)
            self._done += len(chunk)
            self.received += len(chunk)
            self._furthest = max(self._furthest, self._done)
            self._report(self._done)


def retry(action, stop, first_pause=1.0, attempts=ATTEMPTS, note=lambda text: None, progress=lambda: 0):
    """Returns `action()`, trying again after failures of the network and wrong checksums.

    Args:
      action: function without arguments.
      stop: threading.Event that ends the waiting.
      first_pause: seconds before the first retry; doubles with each one, up to a minute.
      attempts: how many in a row may fail while `progress()`, a number of bytes, does not grow.
      note: function of a line of text, called before each pause.
      progress: function without arguments.

    Raises:
      TransferError: given up, or the server refused (HTTP 4xx). Stopped: `stop` was set.
    """
    failures, wrong, furthest = 0, 0, progress()
    while True:
        try:
            return action()
        except _Failure as failure:
            wrong += isinstance(failure, _WrongChecksum)
            failures = failures + 1 if progress() == furthest else 1
            furthest = progress()
            if failure.final:
                raise TransferError(str(failure)) from failure
            if failures >= attempts or wrong >= WRONG_CHECKSUMS:
                raise TransferError(f"{failure}, given up after {max(failures, wrong)} attempts") from failure
            pause = min(first_pause * 2 ** (failures - 1), _LONGEST_PAUSE)
            note(f"{failure}; trying again in {pause:.3g} s")
        if stop.wait(pause):
            raise Stopped


@contextlib.contextmanager
def _network():
    try:
        yield
    except urllib.error.HTTPError as error:
        raise _Failure(f"HTTP {error.code} {error.reason}", error.code) from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)  # URLError wraps the error of the socket
        raise _Failure(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__) from error


def _open(url, headers=None, method="GET", timeout=_TIMEOUT):
    with _network():
        request = urllib.request.Request(url, headers=headers or {}, method=method)
        return urllib.request.urlopen(request, timeout=timeout)


def _read(response):
    with _network():
        return response.read(_CHUNK)


def _length(response):
    length = response.headers.get("Content-Length")
    return int(length) if length and length.isdigit() else None
