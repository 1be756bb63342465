"""Every table and figure at its quick size, from made records to text, CSV and picture. Minutes: `make test-tables`."""

import csv
import json
import pathlib

import pytest

from yt8m_distill.compression.policy import Policy
from yt8m_distill.experiments.reproduction import reproduce
from yt8m_distill.experiments.size_constrained import members
from yt8m_distill.experiments.table_names import LEVELS

pytestmark = [pytest.mark.tables, pytest.mark.slow]


@pytest.fixture(scope="module")
def output_dir(tmp_path_factory):
    """One folder for all, so that runs which tables share are made once."""
    return str(tmp_path_factory.mktemp("out"))


@pytest.fixture(autouse=True)
def small_weights_are_quantised(monkeypatch):
    monkeypatch.setattr(members, "_POLICY", Policy(min_elements=100))


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


def test_the_road_ends_with_one_graph_and_is_not_walked_twice(output_dir, capsys):
    options = {"data": "synthetic", "data_dir": None, "output_dir": output_dir, "seeds": [0], "quick": True}
    text, _ = reproduce("size_constrained/4", **options)
    folder = pathlib.Path(output_dir, "synthetic-video-quick/ensemble")
    made = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert {"seed0.json", "submission.csv", "export/saved_model.pb", "export/model_card.json"} <= {*made}
    assert all(f": {folder / name}" in text for name in ("seed0.json", "submission.csv", "export"))
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    weights = json.loads((folder / "seed0-scores.json").read_text())["result"]["weights"]
    card = json.loads((folder / "export/model_card.json").read_text())
    assert [member["weight"] for member in card["members"]] == [weight for weight in weights.values() if weight]
    assert all(member["bytes"]["codebook"] for member in card["members"])
    assert "[holds] One graph answers what the weighted sum of its members answers." in text
    assert len((folder / "submission.csv").read_text().splitlines()) == 33  # the 32 videos of the final shard

    capsys.readouterr()
    assert reproduce("size_constrained/4", **options)[0] == text
    assert "run " not in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps
