"""Every golden file against this project's code, each driven by its own config.

`YT8M_GOLDEN_DIR=DIR pytest tests/conformance -k parity` runs the files of another folder.
"""

import importlib
import os
import pathlib

import pytest

DEFAULT_DIR = pathlib.Path(__file__).parent.parent / "golden"
GOLDEN_DIR = pathlib.Path(os.environ.get("YT8M_GOLDEN_DIR", DEFAULT_DIR))
FILES = sorted(GOLDEN_DIR.glob("*.npz"))


def collect_runners():
    """{prefix: runner} of all sibling modules."""
    runners = {}
    for name in (
        "golden_models",
        "golden_metrics",
        "golden_records",
        "golden_compression",
        "golden_vlad",
        "golden_dbof",
        "golden_rnn",
    ):
        try:
            runners |= importlib.import_module(name).RUNNERS
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    return runners


def find_runner(item, runners):
    """The runner with the longest prefix of `item`, or None."""
    return runners.get(max((prefix for prefix in runners if item.startswith(prefix)), key=len, default=None))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parity(path, record_property):
    runner = find_runner(path.stem, collect_runners())
    if runner is None:
        pytest.skip(f"not yet covered: {path.stem}")
    record_property("not compared", runner(path) or [])


def test_parity_has_files_to_compare():
    assert FILES, f"no .npz file in {GOLDEN_DIR}"


def test_parity_takes_the_longest_prefix():
    runners = {"moe_": "short", "moe_google": "long"}
    assert find_runner("moe_google_3", runners) == "long"
    assert find_runner("moe_other", runners) == "short"
    assert find_runner("mix_moe_other", runners) is None
