"""Folders that are complete or not there."""

import os

import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import folder_aside, require_replaceable


def fill(directory, text="new", **options):
    with folder_aside(str(directory), "mark.txt", **options) as aside:
        with open(os.path.join(aside, "mark.txt"), "w", encoding="utf-8") as file:
            file.write(text)
        assert not os.path.exists(os.path.join(directory, "mark.txt")) or text != "new"


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
