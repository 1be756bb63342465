import json

import pandas as pd
import pytest
from made_runs import DATA_FLAGS, frame_record, make_videos, write_shards

from yt8m_distill.errors import InputError
from yt8m_distill.experiments import comparison

RECIPE = ["--max_steps=2", "--batch_size=8", *DATA_FLAGS]


@pytest.fixture
def shards(tmp_path):
    return write_shards(tmp_path, "train", [frame_record(video) for video in make_videos(12)], 1)[0]


@pytest.fixture
def flagfile(tmp_path):
    path = tmp_path / "Mean.flags"
    path.write_text("--model=FrameLevelLogistic\n")
    return str(path)


def test_a_comparison_trains_and_evaluates_every_model_once(shards, flagfile, tmp_path, monkeypatch):
    arguments = ([flagfile], [3], str(tmp_path / "out"), shards, shards, RECIPE)
    table = comparison.compare(*arguments)
    results = json.loads((tmp_path / "out/Mean-seed3/eval/2.json").read_text())
    first = table.iloc[0]
    assert (first["name"], first["seed"], first["steps"], first["GAP"]) == ("Mean", 3, 2, results["gap"])
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out/table.csv"), table)
    monkeypatch.setattr(comparison.subprocess, "run", None)
    pd.testing.assert_frame_equal(comparison.compare(*arguments), table)
    with pytest.raises(InputError, match="Mean-seed3 was made with another flagfile, data or flags"):
        comparison.compare(*arguments[:-1], ["--max_steps=3"])


def test_a_training_that_fails_ends_the_comparison_and_is_named(shards, flagfile, tmp_path):
    with pytest.raises(InputError, match=r"train --flagfile=.*Mean.flags .* ended with status 1"):
        comparison.compare([flagfile], [0], str(tmp_path / "out"), shards, shards, ["--no_such_flag=1"])


def test_the_summary_is_best_first_with_the_spread_over_seeds():
    rows = [("a", 0, 0.1), ("b", 0, 0.2), ("b", 1, 0.4)]
    metrics = [{"name": n, "seed": s, **dict.fromkeys(comparison.METRICS, v)} for n, s, v in rows]
    lines = comparison.summary(pd.DataFrame(metrics).assign(steps=5, seconds=2)).splitlines()
    assert lines[-2].split()[:3] == ["b", "0.3000", "(0.2000..0.4000)"]
    assert lines[-1].split()[:2] == ["a", "0.1000"]
