"""Folders that are complete or not there."""

import errno
import os
import shutil

import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import folder_aside, require_replaceable, written_aside


def fill(directory, text="new", **options):
    before = content(directory)
    with folder_aside(str(directory), "mark.txt", **options) as aside:
        with open(os.path.join(aside, "mark.txt"), "w", encoding="utf-8") as file:
            file.write(text)
        assert content(directory) == before


def content(directory):
    """{name: text} of a folder, None where there is none."""
    names = os.listdir(directory) if os.path.isdir(directory) else None
    return names and {name: (directory / name).read_text() for name in names}


def test_a_folder_takes_its_name_when_it_is_complete(tmp_path):
    fill(tmp_path / "made")
    assert (tmp_path / "made" / "mark.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["made"]


def test_an_empty_folder_gives_way(tmp_path):
    (tmp_path / "made").mkdir()
    fill(tmp_path / "made")
    assert os.listdir(tmp_path / "made") == ["mark.txt"]


def test_a_folder_of_its_kind_gives_way_when_asked(tmp_path):
    fill(tmp_path / "made")
    with pytest.raises(InputError, match="made is there already: give another --output_dir, or --overwrite"):
        fill(tmp_path / "made", "newer")
    fill(tmp_path / "made", "newer", overwrite=True)
    assert (tmp_path / "made" / "mark.txt").read_text() == "newer"
    assert os.listdir(tmp_path) == ["made"]


def test_other_folders_and_files_never_give_way(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("made", "file"):
        with pytest.raises(InputError, match=r"exists and holds no mark.txt"):
            fill(tmp_path / name, overwrite=True)


def test_what_fails_leaves_the_old_one_and_nothing_else(tmp_path):
    fill(tmp_path / "made")
    with pytest.raises(ZeroDivisionError), folder_aside(str(tmp_path / "made"), "mark.txt", overwrite=True):
        1 / 0  # noqa: B018
    assert (tmp_path / "made" / "mark.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["made"]


@pytest.mark.parametrize(("overwrite", "name"), [(False, "mark.txt"), (False, "thesis.txt"), (True, "thesis.txt")])
def test_what_appears_during_the_work_stays(overwrite, name, tmp_path):
    made = tmp_path / "made"
    message = (
        "/made (is there already|exists and holds no mark.txt).* not so when the work began: its result is not kept"
    )
    with pytest.raises(InputError, match=message), folder_aside(str(made), "mark.txt", overwrite):
        made.mkdir()
        (made / name).write_text("other")
    assert content(made) == {name: "other"}
    assert os.listdir(tmp_path) == ["made"]


@pytest.mark.parametrize("renames", [1, 2])
@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_while_names_change_leaves_the_old_one_or_the_new_one(renames, after, tmp_path, monkeypatch):
    fill(tmp_path / "made")
    count, rename = [0], os.rename

    def interrupted(*paths):
        count[0] += 1
        if count[0] != renames:
            return rename(*paths)
        if after:
            rename(*paths)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "made", "newer", overwrite=True)
    assert content(tmp_path / "made") == {"mark.txt": "newer" if (renames, after) == (2, True) else "new"}
    assert os.listdir(tmp_path) == ["made"]


def test_the_old_one_is_not_lost_to_what_takes_its_name_while_names_change(tmp_path, monkeypatch):
    made, rename = tmp_path / "made", os.rename
    fill(made)

    def taken(source, target):
        rename(source, target)
        if source == str(made):
            made.mkdir()
            (made / "thesis.txt").write_text("other")

    monkeypatch.setattr(os, "rename", taken)
    with pytest.raises(OSError, match="not empty"):
        fill(made, "newer", overwrite=True)
    assert content(made) == {"thesis.txt": "other"}
    [old] = tmp_path.glob("made.*.old")
    assert content(old) == {"mark.txt": "new"}


def test_what_a_killed_process_left_is_not_in_the_way(tmp_path):
    fill(tmp_path / "made")
    for ending in ("partial", "old"):
        shutil.copytree(tmp_path / "made", f"{tmp_path / 'made'}.{os.getpid()}.{ending}")
    (tmp_path / f"file.{os.getpid()}.partial").mkdir()
    fill(tmp_path / "made", "newer", overwrite=True)
    assert content(tmp_path / "made") == {"mark.txt": "newer"}
    with written_aside(tmp_path / "file") as file:
        file.write("new")
    assert (tmp_path / "file").read_text() == "new"


def test_folders_and_files_may_be_read_by_whom_the_user_lets(tmp_path):
    fill(tmp_path / "made")
    (tmp_path / "plain").mkdir()
    with written_aside(tmp_path / "file"):
        pass
    (tmp_path / "touched").touch()
    for name, plain in (("made", "plain"), ("file", "touched")):
        assert (tmp_path / name).stat().st_mode == (tmp_path / plain).stat().st_mode


def test_two_at_once_write_one_file_each_whole(tmp_path):
    with written_aside(tmp_path / "file") as first:
        first.write("first")
        with written_aside(tmp_path / "file") as second:
            second.write("second")
        assert (tmp_path / "file").read_text() == "second"
    assert (tmp_path / "file").read_text() == "first"
    assert os.listdir(tmp_path) == ["file"]


def test_a_symbolic_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    fill(tmp_path / "made")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(tmp_path / "made")
    fill(tmp_path / "elsewhere" / "link", "newer", overwrite=True)
    assert (tmp_path / "elsewhere" / "link").is_symlink()
    assert (tmp_path / "made" / "mark.txt").read_text() == "newer"
    assert os.listdir(tmp_path / "elsewhere") == ["link"] and sorted(os.listdir(tmp_path)) == ["elsewhere", "made"]


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("{}/file/made", "file is no folder"),
        ("{}/file/not/yet/made", "file is no folder"),
        ("{}/locked/not/yet/made", "locked is not writable"),
        ("{}/locked/link", "locked is not writable"),
        ("/", "/ is a mount point"),
        ("s3://bucket/made", "s3://bucket/made is not on a local disk"),
        ("gs:/bucket/made", "is not on a local disk"),  # as os.path.normpath leaves it
    ],
)
def test_where_no_folder_can_be_made_is_known_before_the_work(directory, message, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "link").symlink_to("made")
    # Tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("locked"))
    with pytest.raises(InputError, match=message):
        require_replaceable(directory.replace("{}", str(tmp_path)), "mark.txt", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["file", "locked"]


def test_folders_on_the_way_are_made(tmp_path):
    fill(tmp_path / "not" / "yet" / "made")
    assert os.listdir(tmp_path / "not" / "yet") == ["made"]


def test_of_folders_on_the_way_to_what_fails_none_is_left(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ZeroDivisionError), folder_aside(str(tmp_path / "there" / "not" / "yet" / "made"), "mark.txt"):
        1 / 0  # noqa: B018
    assert os.listdir(tmp_path) == ["there"] and not os.listdir(tmp_path / "there")


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_and_leaves_nothing(reason, tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(InputError, match=rf"table\.csv cannot be written: {os.strerror(reason)}"), written_aside(path):
        raise OSError(reason, os.strerror(reason))
    assert os.listdir(tmp_path) == []
