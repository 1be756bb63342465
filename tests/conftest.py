"""Test shards are indexed in a folder of their own, cases are named alike everywhere, parity says what it compared."""

import os
import shutil
import tempfile


def pytest_configure(config):
    config.index_dir = tempfile.mkdtemp(prefix="yt8m_index")
    os.environ["YT8M_DISTILL_INDEX_DIR"] = config.index_dir


def pytest_make_parametrize_id(val, argname):
    """A record names its case by its place: TensorFlow writes a map's keys in another order in every process."""
    return argname if isinstance(val, bytes) else None


def pytest_unconfigure(config):
    shutil.rmtree(config.index_dir, ignore_errors=True)


def pytest_terminal_summary(terminalreporter):
    outcomes = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    run = [report for report in outcomes if report.when == "call" and "::test_parity[" in report.nodeid]
    if not run:
        return
    terminalreporter.section("parity with the golden files")
    terminalreporter.line(f"compared: {sum(report.passed for report in run)} of {len(run)} files")
    for report in run:
        keys = dict(report.user_properties).get("not compared")
        if keys:
            terminalreporter.line(f"  {report.nodeid.split('[')[1][:-1]}: not compared: {', '.join(keys)}")
