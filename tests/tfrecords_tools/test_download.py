"""The download command and what it is made of, against a local server with the layout of the public mirrors."""

import hashlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from tfrecords_tools import mirror, share, transfer
from yt8m_distill.errors import InputError

REPO = pathlib.Path(__file__).resolve().parents[2]
NAMES = [f"train{pair}.tfrecord" for pair in ("aa", "aA", "a0", "bF", "bf", "Zz", "99")]
LOCAL = sorted(mirror.local_name(name) for name in NAMES)
PARTITION = "2/frame/train"
PLAN_PATH = "/2/download_plans/frame_train.json"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        site = self.server
        wanted = self.headers.get("Range")
        site.requests.append((self.command, self.path, wanted))
        statuses = site.failures.get(self.path, [])
        if body:
            time.sleep(site.delay)
        if body and statuses:
            return self.send_error(statuses.pop(0))
        content = site.files.get(self.path)
        if content is None:
            return self.send_error(404)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and site.ranges else 0
        if start and start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            self.send_body(content[start:])

    def send_body(self, content):
        cuts = self.server.cuts.get(self.path, [])
        if cuts:
            self.wfile.write(content[: cuts.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


class Site(http.server.ThreadingHTTPServer):
    """A mirror that records its requests and fails as told.

    `files`: path -> content. `requests`: (method, path, Range header). For GETs: `failures`: path -> statuses of the
    next answers; `cuts`: path -> bytes after which the next answers break off; `delay`: seconds before each answer.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.contents = {name: (name * 5000).encode() for name in NAMES}
        self.files = {f"/{PARTITION}/{name}": content for name, content in self.contents.items()}
        plan = {name: hashlib.md5(content).hexdigest() for name, content in self.contents.items()}
        self.files[PLAN_PATH] = json.dumps({"files": plan}).encode()
        self.ranges, self.failures, self.cuts, self.requests, self.delay = True, {}, {}, [], 0.0

    def gets(self, name=""):
        return [wanted for method, path, wanted in self.requests if method == "GET" and path.endswith(name)]


@pytest.fixture
def site():
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def target(site, folder, shard=(1, 1), parallel=4):
    wanted = mirror.Share(PARTITION, shard, base_url=site.url)
    return share.ShareFolder(wanted, str(folder), parallel=parallel, first_pause=0.001)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tfrecords_tools.download", *arguments], cwd=REPO, capture_output=True, text=True
    )


def data_files(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".json")


def assert_whole(site, folder, names=NAMES):
    assert data_files(folder) == sorted(map(mirror.local_name, names))
    for name in names:
        assert (folder / mirror.local_name(name)).read_bytes() == site.contents[name]


def test_command_downloads_a_partition(site, tmp_path):
    result = command(f"--partition={PARTITION}", f"--base_url={site.url}", f"--output_dir={tmp_path / 'new' / 'data'}")
    assert result.returncode == 0, result.stderr
    assert_whole(site, tmp_path / "new" / "data")
    assert f"7 files, {560:.4g} kB, every checksum is right, in {tmp_path / 'new' / 'data'}" in result.stdout
    assert "0 were there" in result.stdout


def test_help_answers_at_once_and_shows_examples():
    started = time.perf_counter()
    result = command("--help")
    assert time.perf_counter() - started < 1.0
    assert result.returncode == 0
    assert "--partition=2/frame/train --shard=1,100" in result.stdout
    assert "--verify_only" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--partition is missing"),
        (["--partition=2/train"], "--partition=2/train: expected VERSION/LEVEL/SPLIT"),
        (["--partition=2/frame/train", "--shard=0,100"], "--shard=0,100: expected I,N with 1 <= I <= N"),
        (["--partition=2/frame/train", "--dry_run", "--verify_only"], "one at a time"),
        (["2/frame/train"], "2/frame/train: not a flag"),
    ],
)
def test_wrong_flags_end_in_one_line_and_status_1(arguments, message):
    result = command(*arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_shares_fetch_the_partition_disjointly_and_completely(site, tmp_path):
    held = [[name for name in NAMES if mirror.Share(PARTITION, (index, 3)).holds(name)] for index in (1, 2, 3)]
    for index, names in enumerate(held, start=1):
        if names:
            target(site, tmp_path / str(index), (index, 3)).fetch()
            assert_whole(site, tmp_path / str(index), names)
    assert len(site.gets(".tfrecord")) == len(NAMES)


def test_share_without_files_is_refused(site, tmp_path):
    empty = next(
        index for index in range(1, 100) if not any(mirror.Share(PARTITION, (index, 99)).holds(n) for n in NAMES)
    )
    with pytest.raises(InputError, match="holds none of the 7 files"):
        target(site, tmp_path, (empty, 99)).fetch()


def test_restart_downloads_and_reads_nothing_again(site, tmp_path, capsys, monkeypatch):
    target(site, tmp_path).fetch()
    before = len(site.requests)
    monkeypatch.setattr(share.checksums, "file_md5", lambda path: pytest.fail(f"{path} was read again"))
    target(site, tmp_path).fetch()
    assert len(site.requests) == before
    assert "7 were there; fetched 0 B" in capsys.readouterr().out


def test_changed_file_is_noticed_and_fetched_again(site, tmp_path, capsys):
    target(site, tmp_path).fetch()
    changed = tmp_path / "train0093.tfrecord"
    changed.write_bytes(changed.read_bytes()[::-1])
    site.requests.clear()
    target(site, tmp_path).fetch()
    assert_whole(site, tmp_path)
    assert len(site.gets(".tfrecord")) == 1
    assert "train0093.tfrecord: its checksum is wrong" in capsys.readouterr().err


def test_unreadable_checksum_cache_costs_nothing_but_time(site, tmp_path):
    target(site, tmp_path).fetch()
    (tmp_path / "2_frame_train_checksums.json").write_text("{half")
    site.requests.clear()
    target(site, tmp_path).fetch()
    assert not site.requests


@pytest.mark.parametrize("name", ["trainbF.tfrecord", "train0093.tfrecord"])
def test_files_of_the_official_script_are_recognised_under_either_name(site, tmp_path, name):
    (tmp_path / name).write_bytes(site.contents["trainbF.tfrecord"])
    target(site, tmp_path).fetch()
    assert site.gets("trainbF.tfrecord") == []
    assert len(data_files(tmp_path)) == len(NAMES)


def test_partial_file_continues_with_a_range_request(site, tmp_path):
    (tmp_path / "train0093.tfrecord.partial").write_bytes(site.contents["trainbF.tfrecord"][:1234])
    target(site, tmp_path).fetch()
    assert site.gets("trainbF.tfrecord") == ["bytes=1234-"]
    assert_whole(site, tmp_path)


def test_partial_file_starts_again_where_the_server_ignores_ranges(site, tmp_path):
    site.ranges = False
    (tmp_path / "train0093.tfrecord.partial").write_bytes(b"wrong" * 100)
    target(site, tmp_path).fetch()
    assert site.gets("trainbF.tfrecord") == ["bytes=500-"]
    assert_whole(site, tmp_path)


def test_complete_partial_file_is_renamed_without_a_request(site, tmp_path):
    (tmp_path / "train0093.tfrecord.partial").write_bytes(site.contents["trainbF.tfrecord"])
    target(site, tmp_path).fetch()
    assert site.gets("trainbF.tfrecord") == []
    assert_whole(site, tmp_path)


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_partial_file_of_other_content_is_replaced(site, tmp_path, size):
    (tmp_path / "train0093.tfrecord.partial").write_bytes(b"x" * size)
    target(site, tmp_path).fetch()
    assert site.gets("trainbF.tfrecord") == [f"bytes={size}-", None]
    assert_whole(site, tmp_path)


def test_broken_connections_continue_as_long_as_bytes_come_in(site, tmp_path):
    cuts = [1000] * (transfer.ATTEMPTS + 5)
    site.cuts[f"/{PARTITION}/trainbF.tfrecord"] = list(cuts)
    target(site, tmp_path).fetch()
    assert site.gets("trainbF.tfrecord") == [None, *(f"bytes={1000 * n}-" for n in range(1, len(cuts) + 1))]
    assert_whole(site, tmp_path)


def test_connections_that_break_at_the_same_place_are_given_up(site, tmp_path):
    site.ranges = False
    site.cuts[f"/{PARTITION}/trainbF.tfrecord"] = [1000] * 100
    with pytest.raises(
        InputError, match=r"train0093.tfrecord \(the connection ended after 1000 of 80000 bytes, given up"
    ):
        target(site, tmp_path).fetch()
    assert len(site.gets("trainbF.tfrecord")) == transfer.ATTEMPTS


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_transient_answers_are_retried(site, tmp_path, capsys, status):
    site.failures[PLAN_PATH] = [status]
    site.failures[f"/{PARTITION}/trainbF.tfrecord"] = [status] * 3
    target(site, tmp_path).fetch()
    assert len(site.gets("trainbF.tfrecord")) == 4
    assert_whole(site, tmp_path)
    assert capsys.readouterr().err.count(f"train0093.tfrecord: HTTP {status}") == 3


def test_wrong_content_ends_in_status_1_and_leaves_no_file(site, tmp_path):
    site.files[f"/{PARTITION}/trainbF.tfrecord"] = b"not what the plan says"
    result = command(
        f"--partition={PARTITION}", f"--base_url={site.url}", f"--output_dir={tmp_path}", "--retry_pause=0.001"
    )
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert "1 of 7 files failed: train0093.tfrecord (MD5 is " in last
    assert "given up after 3 attempts" in last
    assert data_files(tmp_path) == [name for name in LOCAL if name != "train0093.tfrecord"]
    assert len(site.gets("trainbF.tfrecord")) == 3


def test_missing_file_fails_at_once_and_the_others_arrive(site, tmp_path):
    del site.files[f"/{PARTITION}/trainbF.tfrecord"]
    with pytest.raises(InputError, match=r"1 of 7 files failed: train0093.tfrecord \(HTTP 404 Not Found\)"):
        target(site, tmp_path).fetch()
    assert len(site.gets("trainbF.tfrecord")) == 1
    assert_whole(site, tmp_path, [name for name in NAMES if name != "trainbF.tfrecord"])


def test_a_mirror_out_of_order_stops_the_command(site, tmp_path, monkeypatch):
    monkeypatch.setattr(share, "_MOST_FAILURES", 2)
    site.delay = 0.05
    for name in NAMES:
        del site.files[f"/{PARTITION}/{name}"]
    with pytest.raises(InputError, match=r"2 of 7 files failed.*stopped there"):
        target(site, tmp_path, parallel=1).fetch()
    assert len(site.gets(".tfrecord")) < len(NAMES)


def test_unreachable_server_and_missing_plan_say_what_to_do(site, tmp_path):
    address = urlsplit(site.url)
    nowhere = mirror.Share(PARTITION, base_url=f"http://{address.hostname}:1")
    with pytest.raises(InputError, match=r"frame_train.json: Connection refused.*Check the network"):
        share.ShareFolder(nowhere, str(tmp_path / "out"), first_pause=0.001).fetch()
    absent = mirror.Share("3/frame/train", base_url=site.url)
    with pytest.raises(InputError, match=r"HTTP 404.*version 3 \(rated segments\) has frame/validate and frame/test"):
        share.ShareFolder(absent, str(tmp_path / "out"), first_pause=0.001).fetch()
    assert not (tmp_path / "out").exists()


def test_full_disk_ends_in_one_line(site, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    (tmp_path / "train0093.tfrecord.partial").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"No space left on device. Free some space or take a smaller --shard"):
        target(site, tmp_path).fetch()
    assert not (tmp_path / "train0093.tfrecord").exists()


def test_too_little_space_is_said_before_anything_is_fetched(site, tmp_path, monkeypatch):
    usage = share.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(share.shutil, "disk_usage", lambda folder: usage._replace(free=500_000))
    with pytest.raises(InputError, match="has 500 kB free and 560 kB are to be fetched"):
        target(site, tmp_path).fetch()
    assert site.gets(".tfrecord") == []
    (tmp_path / "train0093.tfrecord.partial").write_bytes(site.contents["trainbF.tfrecord"][:70_000])
    target(site, tmp_path).fetch()


def test_output_dir_that_is_a_file_is_refused(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file: give a directory"):
        target(site, tmp_path / "file")
    with pytest.raises(InputError, match="Not a directory"):
        target(site, tmp_path / "file" / "deeper").fetch()


def test_directory_of_a_partition_with_the_same_names_is_refused(site, tmp_path):
    target(site, tmp_path).fetch()
    with pytest.raises(InputError, match=r"holds 2_frame_train_plan.json.*Give each its own directory"):
        share.ShareFolder(mirror.Share("2/video/train", base_url=site.url), str(tmp_path))
    share.ShareFolder(mirror.Share("2/frame/validate", base_url=site.url), str(tmp_path))


def test_dry_run_prints_the_files_and_writes_nothing(site, tmp_path):
    folder = tmp_path / "out"
    result = command(f"--partition={PARTITION}", f"--base_url={site.url}", f"--output_dir={folder}", "--dry_run")
    assert result.returncode == 0, result.stderr
    assert f"train0093.tfrecord  {site.url}/{PARTITION}/trainbF.tfrecord" in result.stdout
    assert "7 files, 0 of them in" in result.stdout
    assert "7 to fetch, 560 kB" in result.stdout
    assert not folder.exists()
    assert site.gets(".tfrecord") == []


def test_verify_reads_every_file_and_names_what_is_wrong(site, tmp_path, capsys):
    target(site, tmp_path).fetch()
    target(site, tmp_path).verify()
    assert "every checksum is right" in capsys.readouterr().out
    damaged = tmp_path / "train0093.tfrecord"
    status = damaged.stat()
    damaged.write_bytes(damaged.read_bytes()[::-1])
    os.utime(damaged, ns=(status.st_atime_ns, status.st_mtime_ns))  # damage that the cache cannot see
    (tmp_path / "train0000.tfrecord").unlink()
    with pytest.raises(
        InputError, match=r"2 of 7 files .* train0000.tfrecord \(missing\), train0093.tfrecord \(wrong checksum"
    ):
        target(site, tmp_path).verify()
    target(site, tmp_path).fetch()
    assert_whole(site, tmp_path)


def test_verify_of_no_directory_is_refused(site, tmp_path):
    with pytest.raises(InputError, match="no such directory"):
        target(site, tmp_path / "none").verify()


def test_interrupted_download_leaves_only_partial_files_and_continues(site, tmp_path, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    site.delay = 0.05
    monkeypatch.setattr(share.Progress, "file_done", interrupt)
    with pytest.raises(KeyboardInterrupt):
        target(site, tmp_path, parallel=1).fetch()
    assert len(data_files(tmp_path)) < len(NAMES)
    monkeypatch.undo()
    target(site, tmp_path).fetch()
    assert_whole(site, tmp_path)
