"""What the reproduce command says about flags that it cannot take, before it imports anything large."""

import pytest
from made_runs import run_python


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--table is missing: one or more of fewer_frames/1, "),
        (["--table=fewer_frames/9"], "--table=fewer_frames/9: expected one of fewer_frames/1, fewer_frames/2"),
        (["--table=fewer_frames/1", "--seeds=0,0"], "--seeds=0,0: expected different whole numbers of at least 0"),
        (["--table=fewer_frames/1", "--seeds="], "--seeds is empty"),
        (["--table=fewer_frames/1", "--frames=0,1"], "--frames=0,1: expected different whole numbers of at least 1"),
        (["--table=fewer_frames/1", "--data=imagenet"], "--data"),
        (["--table=size_constrained/4", "--size_budget_mb=0"], "--size_budget_mb=0.0: expected a number above 0"),
    ],
)
def test_bad_flags_are_one_line(arguments, message):
    process = run_python(["-m", "yt8m_distill.bin.reproduce", *arguments])
    assert (process.returncode, len(process.stderr.splitlines())) == (1, 1)
    assert message in process.stderr
