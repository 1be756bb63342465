"""Brings one share of the data set into a directory, verifies it there, or says what that would take."""

import concurrent.futures
import contextlib
import errno
import os
import shutil
import threading
import time

from tfrecords_tools import checksums, mirror, transfer
from tfrecords_tools.progress import Progress
from yt8m_distill.errors import InputError

_MOST_FAILURES = 10  # files; after these the mirror is taken to be out of order
_SIZES_ASKED = 20  # files whose size stands for the others


class ShareFolder:
    """A share and the directory it goes to.

    Beside the data lie `2_frame_train_plan.json`, the plan as it came, and `2_frame_train_checksums.json`, the files
    that were verified. Files that the official script fetched, under either of its names, are recognised by checksum.
    """

    def __init__(self, share, folder, parallel=4, first_pause=1.0):
        """`parallel`: files at a time. `first_pause`: seconds before the first retry; doubles with each one."""
        self._share, self._folder, self._parallel, self._first_pause = share, folder, parallel, first_pause
        self._stop = threading.Event()
        self._key = share.partition.replace("/", "_")
        self._check_folder()
        self._verified = checksums.Checksums(self._path(f"{self._key}_checksums.json"))

    def preview(self):
        """Prints the files and their size as far as the server tells it. Writes nothing."""
        files = self._files(self._plan())
        for file in files:
            print(f"{file.local_name}  {self._share.file_url(file.name)}")
        self._print_outlook(files, *self._size(self._waiting(files)))
        print("Nothing was written.")

    def fetch(self):
        """Fetches what is missing and prints a summary.

        Raises:
          InputError: no plan, no space, or files that failed, which the message names; all others are in place.
        """
        started = time.monotonic()
        with self._disk():
            files = self._files(self._plan(keep=True))
            size, exact = self._size(self._waiting(files))
            self._print_outlook(files, size, exact)
            self._check_space(size, self._waiting(files))
            in_place = sum(os.path.getsize(self._place(file)) for file in files if self._place(file))
            with Progress(len(files), size and size + in_place) as progress:
                received, failures = self._run(self._fetch_one, files, progress, _MOST_FAILURES)
            self._finish(files, received, failures, time.monotonic() - started)

    def verify(self):
        """Reads every file of the share again and prints a summary.

        Raises:
          InputError: files are missing or wrong; the message names them.
        """
        if not os.path.isdir(self._folder):
            raise InputError(f"--output_dir={self._folder}: no such directory, so there is nothing to verify.")
        files = self._files(self._plan())
        with self._disk(), Progress(len(files), None) as progress:
            _, failures = self._run(self._verify_one, files, progress, len(files) + 1)
        if failures:
            raise InputError(
                f"{self._title()}: {len(failures)} of {_count(files)} in {self._folder} are missing or wrong: "
                f"{_named(failures)}. Run the command without --verify_only to fetch them."
            )
        print(f"{self._title()}: {_count(files)} in {self._folder} read, every checksum is right.")

    def _check_folder(self):
        if os.path.exists(self._folder) and not os.path.isdir(self._folder):
            raise InputError(f"--output_dir={self._folder} is a file: give a directory.")
        split = self._share.partition.split("/")[-1]
        for name in os.listdir(self._folder) if os.path.isdir(self._folder) else ():
            plan = name.endswith((f"_{split}_plan.json", f"_{split}_download_plan.json"))
            if plan and not name.startswith(self._key):
                raise InputError(
                    f"--output_dir={self._folder} holds {name}: the files of that partition and those of "
                    f"{self._share.partition} have the same names. Give each its own directory."
                )

    def _plan(self, keep=False):
        path = self._path(f"{self._key}_plan.json")
        if os.path.exists(path):
            with open(path, "rb") as file:
                return mirror.read_plan(file.read(), path)
        url = self._share.plan_url
        try:
            content = transfer.content(url, self._stop, first_pause=self._first_pause, attempts=3)
        except transfer.TransferError as error:
            raise InputError(
                f"{url}: {error}. Check the network (a proxy goes into http_proxy) and --partition: versions before 2 "
                "were withdrawn in 2018, version 3 (rated segments) has frame/validate and frame/test only."
            ) from error
        plan = mirror.read_plan(content, url)
        if keep:
            os.makedirs(self._folder, exist_ok=True)
            with open(f"{path}.partial", "wb") as file:
                file.write(content)
            os.replace(f"{path}.partial", path)
        return plan

    def _files(self, plan):
        files = self._share.files(plan)
        if not files:
            raise InputError(f"{self._title()} holds none of the {len(plan)} files of the plan: take a smaller N.")
        return files

    def _waiting(self, files):
        return [file for file in files if not self._place(file)]

    def _print_outlook(self, files, size, exact):
        waiting = len(self._waiting(files))
        estimate = "size unknown" if size is None else f"{'' if exact else 'about '}{_bytes(size)}"
        print(
            f"{self._title()}: {_count(files)}, {len(files) - waiting} of them in {self._folder} already; "
            f"{waiting} to fetch, {estimate}.",
            flush=True,
        )

    def _size(self, files):
        """(bytes still to fetch or None, whether that is exact), from the sizes of up to 20 of the files."""
        asked = files[:: max(1, -(-len(files) // _SIZES_ASKED))]
        with concurrent.futures.ThreadPoolExecutor(self._parallel) as pool:
            sizes = list(pool.map(transfer.content_length, [self._share.file_url(file.name) for file in asked]))
        if None in sizes:
            return None, False
        return sum(sizes) * len(files) // max(1, len(sizes)), len(asked) == len(files)

    def _check_space(self, size, waiting):
        partial = [self._path(f"{file.local_name}.partial") for file in waiting]
        in_hand = sum(os.path.getsize(path) for path in partial if os.path.exists(path))
        free = shutil.disk_usage(self._folder).free
        if size is not None and size - in_hand > free:
            raise InputError(
                f"--output_dir={self._folder} has {_bytes(free)} free and {_bytes(size - in_hand)} are to be fetched: "
                "take a smaller share (--shard=1,100 is a hundredth) or another directory."
            )

    def _run(self, job, files, progress, most_failures):
        """Runs `job(file, progress)` for every file, `parallel` at a time: (results, {file name: reason})."""
        results, failures = [], {}
        self._stop.clear()
        pool = concurrent.futures.ThreadPoolExecutor(self._parallel)
        jobs = {pool.submit(job, file, progress): file.local_name for file in files}
        try:
            for done in concurrent.futures.as_completed(jobs):
                try:
                    results.append(done.result())
                    progress.file_done()
                except transfer.TransferError as error:
                    failures[jobs[done]] = str(error)
                if len(failures) >= most_failures:
                    break
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            with contextlib.suppress(OSError):  # a full disk: what was verified is read again next time
                self._verified.save()
        return results, failures

    def _fetch_one(self, file, progress):
        """Bytes that came over the network: 0 where the file was there."""
        for name in (file.local_name, file.name):
            if self._verified.fits(self._path(name), file.md5):
                progress.report(name, os.path.getsize(self._path(name)))
                return 0
        path = self._path(file.local_name)
        if os.path.exists(path):
            progress.note(f"{path}: its checksum is wrong, it is fetched again")
        download = transfer.Download(
            self._share.file_url(file.name), path, file.md5, lambda done: progress.report(path, done)
        )
        download.run(self._stop, self._first_pause, lambda text: progress.note(f"{file.local_name}: {text}"))
        self._verified.record_verified(path, file.md5)
        return download.received

    def _verify_one(self, file, progress):
        path = self._place(file)
        if not path:
            raise transfer.TransferError("missing")
        progress.report(path, os.path.getsize(path))
        if not self._verified.fits_on_disk(path, file.md5):
            raise transfer.TransferError("wrong checksum")
        return 0

    def _finish(self, files, received, failures, seconds):
        if failures:
            stopped = "; stopped there" if len(failures) >= _MOST_FAILURES else ""
            raise InputError(
                f"{self._title()}: {len(failures)} of {_count(files)} failed: {_named(failures)}{stopped}. "
                "Run the same command again, or with another --mirror: it continues where it stopped."
            )
        size, fetched = sum(os.path.getsize(self._place(file)) for file in files), sum(received)
        print(
            f"{self._title()}: {_count(files)}, {_bytes(size)}, every checksum is right, in {self._folder}. "
            f"{received.count(0)} were there; fetched {_bytes(fetched)} in {seconds:.1f} s "
            f"({_bytes(fetched / max(seconds, 1e-3))}/s)."
        )

    @contextlib.contextmanager
    def _disk(self):
        """Turns an error of the file system into the line that ends the command."""
        try:
            yield
        except OSError as error:
            todo = "Free some space or take a smaller --shard" if error.errno == errno.ENOSPC else "Put this right"
            raise InputError(
                f"{error.filename or self._folder}: {error.strerror}. {todo} and run the same command again: "
                "it continues where it stopped."
            ) from error

    def _place(self, file):
        """Where the file lies, verified or not; None where it does not."""
        paths = [self._path(name) for name in (file.local_name, file.name)]
        return next((path for path in paths if os.path.isfile(path)), None)

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _title(self):
        index, total = self._share.shard
        return self._share.partition if total == 1 else f"{self._share.partition}, share {index} of {total}"


def _named(failures):
    names = [f"{name} ({reason})" for name, reason in sorted(failures.items())]
    rest = [f"and {len(names) - _MOST_FAILURES} more"] if len(names) > _MOST_FAILURES else []
    return ", ".join(names[:_MOST_FAILURES] + rest)


def _count(files):
    return f"{len(files)} file{'' if len(files) == 1 else 's'}"


def _bytes(count):
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"
