"""Every golden file against this project's code, each driven by its own config.

`YT8M_GOLDEN_DIR=DIR pytest tests/conformance -k parity` runs the files of another folder. A file whose kind of item no
runner knows fails: nothing is left out in silence.
"""

import functools
import importlib
import os
import pathlib
import re

import numpy as np
import pytest
from made_runs import run_python

HERE = pathlib.Path(__file__).parent
GOLDEN_DIR = pathlib.Path(os.environ.get("YT8M_GOLDEN_DIR", HERE.parent / "golden"))
FILES = sorted(GOLDEN_DIR.glob("*.npz"))


@functools.cache
def collect_runners():
    """{prefix: runner} of all sibling modules golden_*.py."""
    runners = {}
    for path in sorted(HERE.glob("golden_*.py")):
        found = importlib.import_module(path.stem).RUNNERS
        assert runners.keys().isdisjoint(found), f"{path.name} has a prefix that another module has"
        runners |= found
    return runners


def find_runner(item, runners):
    """The runner with the longest prefix of `item`, or None."""
    return runners.get(max((prefix for prefix in runners if item.startswith(prefix)), key=len, default=None))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parity(path, record_property):
    runners = collect_runners()
    runner = find_runner(path.stem, runners)
    if runner is None:
        pytest.fail(f"{path.name}: no runner for such an item; they begin with {', '.join(runners)}", pytrace=False)
    record_property("not compared", runner(path) or [])


def test_parity_has_files_to_compare():
    assert FILES, f"no .npz file in {GOLDEN_DIR}"


def test_parity_takes_the_longest_prefix():
    runners = {"moe_": "short", "moe_google": "long"}
    assert find_runner("moe_google_3", runners) == "long"
    assert find_runner("moe_other", runners) == "short"
    assert find_runner("mix_moe_other", runners) is None


def write_average(path, mean):
    """A golden file of the average of [0, 0] and [1, 2]."""
    inputs = {f"inputs/model{number}/w": np.float32([number, 2 * number]) for number in range(2)}
    np.savez(path, config='{"num_models": 2}', **inputs, **{"outputs/w": np.float32(mean)})


@pytest.mark.skipif("YT8M_GOLDEN_DIR" in os.environ, reason="starts such a run itself")
def test_parity_fails_for_a_wrong_number_and_for_a_file_that_no_runner_knows(tmp_path):
    write_average(tmp_path / "weights_average_right.npz", [0.5, 1.0])
    write_average(tmp_path / "weights_average_wrong.npz", [0.5, 1.0001])
    np.savez(tmp_path / "transformer_large.npz", config="{}")
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "test_parity.py")]
    process = run_python(arguments, timeout=300, YT8M_GOLDEN_DIR=str(tmp_path))
    assert process.returncode == 1, process.stdout + process.stderr
    failed = re.findall(r"^FAILED .*::test_parity\[(\w+)\]", process.stdout, re.MULTILINE)
    assert failed == ["transformer_large", "weights_average_wrong"]
    assert "transformer_large.npz: no runner for such an item" in process.stdout
    assert "compared: 1 of 3 files" in process.stdout
