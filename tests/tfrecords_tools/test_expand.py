"""The command that expands records: what it says, and which flags it refuses."""

import pathlib
import subprocess
import sys

import pytest
from made_expansions import write_shards

REPO = pathlib.Path(__file__).resolve().parents[2]
SMALL_FLAGS = ("--feature_sizes=16,4", "--num_classes=25", "--length_scale=0.1")


def run(*arguments):
    command = [sys.executable, "-m", "tfrecords_tools.expand", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True)


def test_the_command_writes_a_set_and_says_what(tmp_path):
    write_shards(tmp_path / "video")
    done = run(f"--input_data_pattern={tmp_path}/video/*.tfrecord", f"--output_dir={tmp_path}/expanded", *SMALL_FLAGS)
    assert done.returncode == 0, done.stderr
    assert "10 videos expanded into 2 shards" in done.stdout and "frames (" in done.stdout
    assert "the frames around the means are made" in (tmp_path / "expanded" / "expanded.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--length_scale=nan"], "--length_scale=nan: must be a number"),
        (["--input_data_pattern=x"], "--output_dir is missing"),
        (["--output_dir=x"], "--input_data_pattern is missing"),
        (["--input_data_pattern=x", "--output_dir=x", "--feature_sizes=8,a"], "whole numbers"),
        (
            ["--input_data_pattern=x", "--output_dir=x", "--min_frames=9", "--max_frames=8"],
            "--min_frames=9 is more than --max_frames=8",
        ),
    ],
)
def test_the_command_refuses_flags_that_do_not_fit(arguments, words):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_help_says_what_is_real_and_what_is_made_without_tensorflow():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['expand', '--help']\n"
        "try:\n"
        "    runpy.run_module('tfrecords_tools.expand', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "assert 'tensorflow' not in sys.modules and 'numpy' not in sys.modules\n"
        "print('ended well')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert "ended well" in done.stdout, done.stderr
    for words in ('"expanded" data', "What is real", "What is made", "--length_scale", "--overwrite"):
        assert words in done.stdout
