"""The benchmark of the ways to store weights, on a run of seconds."""

import json

import pytest
from made_runs import VIDEO, make_config, make_videos, run_python, train, video_record, write_shards

from yt8m_distill.compression.partial_quantization import METHODS


@pytest.mark.benchmarks
def test_more_bits_move_the_predictions_less(tmp_path):
    shards = write_shards(tmp_path, "train", [video_record(video) for video in make_videos(30)], 1)
    train(make_config("HiddenLayer_tiny", VIDEO, num_epochs=1), tmp_path / "run", shards)
    flags = [f"--checkpoint={tmp_path}/run", f"--data_pattern={shards[0]}", "--min_elements=50", "--batch_size=16"]
    process = run_python(["benchmarks/quantization_methods.py", *flags])
    assert process.returncode == 0, process.stderr
    (rows,) = json.loads(process.stdout.splitlines()[-1])["runs"].values()
    found = {row["method"]: row for row in rows}
    assert tuple(found) == METHODS
    for method in ("uniform", "quantile", "kmeans", "per_channel"):
        assert found[method]["error"] < found[f"{method}4"]["error"]
        assert found[method]["divergence"] < found[f"{method}4"]["divergence"]
        assert found[method]["bytes"] > found[f"{method}4"]["bytes"]
    assert found["float16"]["error"] < min(row["error"] for row in rows if row["method"] != "float16")
