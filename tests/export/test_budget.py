import keras
import numpy as np
import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.export.budget import MIB, measure, require_fit


def _report(directory, size, budget_mib):
    (directory / "variables").mkdir()
    (directory / "saved_model.pb").write_bytes(bytes(1000))
    (directory / "variables" / "data").write_bytes(bytes(size - 1000))
    variables = [
        keras.Variable(np.zeros((3, 4), np.float32), name="small"),
        keras.Variable(np.zeros((10, 20), np.float32), name="large"),
        keras.Variable(np.zeros((7,), np.int64), dtype="int64", name="count"),
    ]
    return measure(directory, variables, budget_mib)


def test_every_file_counts_and_the_largest_tensor_stands_first(tmp_path):
    report = _report(tmp_path, 5000, 1)
    assert report.total == 5000
    assert report.tensors == (("large", (10, 20), 800), ("count", (7,), 56), ("small", (3, 4), 48))


def test_a_budget_is_in_mebibytes_and_may_be_used_up(tmp_path):
    report = _report(tmp_path, MIB, 1)
    assert report.fits
    require_fit(report)


def test_one_byte_too_many_is_over_budget(tmp_path):
    report = _report(tmp_path, MIB + 1, 1)
    assert not report.fits
    with pytest.raises(InputError, match=r"over budget: .*largest tensor is large \(10, 20\).*--size_budget_mb"):
        require_fit(report)


def test_the_summary_gives_both_units(tmp_path):
    summary = _report(tmp_path, 2_000_000, 2.5).summary()
    assert summary == "2.0 MB (1.9 MiB), 76.3% of the budget of 2.6 MB (2.5 MiB)"


def test_the_table_lists_the_largest_tensors(tmp_path):
    lines = _report(tmp_path, 5000, 1).table(rows=2).splitlines()
    assert [line.split()[-2:] for line in lines] == [["10x20", "large"], ["7", "count"]]
    assert "16.0%" in lines[0]
