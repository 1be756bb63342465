"""`eval.py --watch` beside a run."""

import json

from made_runs import VIDEO, make_config, make_videos, run_python, train, video_record, write_shards


def test_watch_evaluates_the_newest_checkpoint_once_and_ends_when_nothing_comes(tmp_path):
    shards = write_shards(tmp_path / "data", "train", [video_record(video) for video in make_videos(24)], 2)
    train(make_config(spec=VIDEO, save_checkpoint_steps=4), tmp_path / "run", shards)
    watched = run_python(
        [
            "eval.py",
            f"--checkpoint={tmp_path / 'run'}",
            f"--eval_data_pattern={','.join(shards)}",
            "--watch",
            "--watch_seconds=0.1",
            "--watch_timeout=0.5",
        ]
    )
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.count("GAP@20") == 1
    (path,) = (tmp_path / "run/eval").glob("*.json")
    assert json.loads(path.read_text())["checkpoint"].endswith(f"ckpt-{path.stem}")
