"""What the compare command says about flagfiles that it cannot take."""

import pytest
from made_runs import run_python


@pytest.mark.parametrize(
    ("flagfiles", "message"),
    [
        ("{}/one/*.flags,{}/missing.flags", "missing.flags: there is no such file"),
        ("{}/one/*.flags,{}/two/*.flags", "would share a run directory"),
    ],
)
def test_no_flagfile_is_left_out_and_no_two_share_a_run(flagfiles, message, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Mean.flags").write_text("--model=FrameLevelLogistic\n")
    patterns = ["--train_data_pattern=a", "--eval_data_pattern=b", f"--output_dir={tmp_path / 'out'}"]
    patterns.append(f"--flagfiles={flagfiles.format(tmp_path, tmp_path)}")
    process = run_python(["-m", "yt8m_distill.bin.compare", *patterns])
    assert process.returncode == 1
    assert message in process.stderr and "Traceback" not in process.stderr
    assert not (tmp_path / "out").exists()


def test_there_must_be_a_seed(tmp_path):
    arguments = ["--flagfiles=a", "--train_data_pattern=b", "--eval_data_pattern=c", "--seeds="]
    process = run_python(["-m", "yt8m_distill.bin.compare", *arguments])
    assert (process.returncode, len(process.stderr.splitlines())) == (1, 1)
    assert "--seeds=: expected whole numbers" in process.stderr
