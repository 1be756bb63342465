import itertools
import json
import string

import pytest

from tfrecords_tools import mirror
from yt8m_distill.errors import InputError

DIGITS = string.ascii_lowercase + string.ascii_uppercase + string.digits


def real_names(split):
    """The 3844 names of a split on the real mirrors."""
    return [f"{split}{high}{low}.tfrecord" for high, low in itertools.product(DIGITS, repeat=2)]


def test_share_picks_the_files_that_users_of_the_official_script_received():
    share = mirror.Share("2/frame/train", (1, 100))
    picked = {file.local_name for file in share.files(dict.fromkeys(real_names("train"), "0" * 32))}
    assert {f"train{n}.tfrecord" for n in ("0093", "0111", "0208", "2072", "3749")} <= picked
    assert len(picked) == 41


@pytest.mark.parametrize(("split", "count"), [("train", 5), ("validate", 5), ("test", 4)])
def test_a_thousandth_has_as_many_files_as_the_official_script_reports(split, count):
    share = mirror.Share(f"2/frame/{split}", (1, 1000))
    assert sum(map(share.holds, real_names(split))) == count


@pytest.mark.parametrize("total", [1, 2, 7])
def test_shares_are_disjoint_and_complete(total):
    plan = dict.fromkeys(real_names("validate"), "0" * 32)
    shares = [mirror.Share("2/video/validate", (index, total)).files(plan) for index in range(1, total + 1)]
    names = [file.name for files in shares for file in files]
    assert len(names) == len(plan)
    assert set(names) == set(plan)


def test_local_names_are_distinct_without_regard_to_case():
    local = {mirror.local_name(name).lower() for name in real_names("train")}
    assert local == {f"train{index:04d}.tfrecord" for index in range(3844)}


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("trainaa.tfrecord", "train0000.tfrecord"),
        ("trainbF.tfrecord", "train0093.tfrecord"),
        ("train99.tfrecord", "train3843.tfrecord"),
        ("train-_.tfrecord", "train-_.tfrecord"),
    ],
)
def test_last_two_characters_become_four_digits(name, local):
    assert mirror.local_name(name) == local


def test_addresses_are_those_of_the_public_mirrors():
    share = mirror.Share("3/frame/validate", mirror="asia")
    assert share.plan_url == "http://data.yt8m.org/3/download_plans/frame_validate.json"
    assert share.file_url("validateaa.tfrecord") == "http://asia.data.yt8m.org/3/frame/validate/validateaa.tfrecord"


def test_base_url_replaces_the_public_hosts():
    share = mirror.Share("2/video/test", base_url="http://127.0.0.1:8000/yt8m/")
    assert share.plan_url == "http://127.0.0.1:8000/yt8m/2/download_plans/video_test.json"
    assert share.file_url("testaa.tfrecord") == "http://127.0.0.1:8000/yt8m/2/video/test/testaa.tfrecord"


@pytest.mark.parametrize(
    "partition", ["", "2/frame", "2/frame/val", "two/frame/train", "2/frame/train/", "/2/frame/train"]
)
def test_unknown_partition_is_refused(partition):
    with pytest.raises(InputError, match=r"--partition=.*expected VERSION/LEVEL/SPLIT"):
        mirror.Share(partition)


@pytest.mark.parametrize("shard", ["0,100", "101,100", "1", "1,2,3", "a,b", "-1,5", "1,0", "1.5,2"])
def test_shard_out_of_range_is_refused(shard):
    with pytest.raises(InputError, match=f"--shard={shard}: expected I,N with 1 <= I <= N"):
        mirror.Share("2/frame/train", mirror.parse_shard(shard))


def test_unknown_mirror_and_base_url_are_refused():
    with pytest.raises(InputError, match="--mirror=mars: expected one of us, eu, asia"):
        mirror.Share("2/frame/train", mirror="mars")
    with pytest.raises(InputError, match="--base_url=/tmp: expected an address"):
        mirror.Share("2/frame/train", base_url="/tmp")


@pytest.mark.parametrize(
    "content",
    [
        b"<html>sign in</html>",
        b"[]",
        b"{}",
        b'{"files": {}}',
        b'{"files": ["trainaa.tfrecord"]}',
        b'{"files": {"trainaa.tfrecord": 7}}',
        b'{"files": {"trainaa.tfrecord": "not an md5"}}',
        json.dumps({"files": {"../../trainaa.tfrecord": "0" * 32}}).encode(),
        json.dumps({"files": {"/etc/trainaa.tfrecord": "0" * 32}}).encode(),
        b"\xff\xfe",
    ],
)
def test_what_is_not_a_plan_is_refused(content):
    with pytest.raises(InputError, match="somewhere: not a download plan"):
        mirror.read_plan(content, "somewhere")
