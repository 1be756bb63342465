"""Every table and figure at its quick size, from made records to text, CSV and picture. Minutes: `make test-tables`."""

import csv
import pathlib

import pytest

from yt8m_distill.experiments.reproduction import reproduce
from yt8m_distill.experiments.table_names import LEVELS

pytestmark = [pytest.mark.tables, pytest.mark.slow]


@pytest.fixture(scope="module")
def output_dir(tmp_path_factory):
    """One folder for all, so that runs which tables share are made once."""
    return str(tmp_path_factory.mktemp("out"))


@pytest.mark.parametrize("name", LEVELS)
def test_a_table_is_made(name, output_dir):
    options = {"frames": [2], "quick": True} if LEVELS[name] == ("frame",) else {"quick": True}
    text, (written, table, picture) = reproduce(name, "synthetic", None, output_dir, [0], **options)
    assert pathlib.Path(written).read_text() == text
    assert "synthetic: made" in text and "quick sizes, whose figures say nothing" in text
    assert "What the paper says, and how it came out here" in text
    rows = [row for row in csv.DictReader(pathlib.Path(table).read_text().splitlines()) if row["source"] == "here"]
    assert rows and all(0 < float(row["GAP"]) < 1 for row in rows if row["GAP"])
    assert pathlib.Path(picture).read_bytes().startswith(b"\x89PNG")
