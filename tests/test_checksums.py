import shutil

import pytest

from yt8m_distill.checksums import checkpoint_checksum, file_sha256
from yt8m_distill.errors import InputError


@pytest.fixture
def prefix(tmp_path):
    """A checkpoint of two data files beside another one."""
    for name, content in (
        ("ckpt-1.index", b"i"),
        ("ckpt-1.data-00000-of-00002", b"a"),
        ("ckpt-1.data-00001-of-00002", b"b"),
        ("ckpt-10.index", b"i"),
        ("ckpt-10.data-00000-of-00001", b"z"),
    ):
        (tmp_path / name).write_bytes(content)
    return str(tmp_path / "ckpt-1")


def test_a_file_has_the_known_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "abc") == expected


def test_the_checksum_stays_where_a_checkpoint_is_moved_and_renamed(prefix, tmp_path):
    (tmp_path / "moved").mkdir()
    for part in ("index", "data-00000-of-00002", "data-00001-of-00002"):
        shutil.copy(f"{prefix}.{part}", tmp_path / "moved" / f"ckpt-7.{part}")
    assert checkpoint_checksum(str(tmp_path / "moved" / "ckpt-7")) == checkpoint_checksum(prefix)


@pytest.mark.parametrize("part", ["index", "data-00000-of-00002", "data-00001-of-00002"])
def test_the_checksum_covers_every_file(part, prefix):
    before = checkpoint_checksum(prefix)
    with open(f"{prefix}.{part}", "ab") as file:
        file.write(b"!")
    assert checkpoint_checksum(prefix) != before


def test_a_missing_checkpoint_is_named(prefix, tmp_path):
    with pytest.raises(InputError, match="ckpt-2: expected the files of a checkpoint"):
        checkpoint_checksum(str(tmp_path / "ckpt-2"))
    (tmp_path / "ckpt-1.index").unlink()
    with pytest.raises(InputError, match=r"ckpt-1\.index cannot be read"):
        checkpoint_checksum(prefix)
