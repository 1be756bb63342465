"""benchmarks/model_step.py with JAX and PyTorch, where installed: a row a step, and one line for wrong flags."""

import json

import pytest
from made_runs import run_python

SCRIPT = "benchmarks/model_step.py"
TINY = ("--models=NetVLAD_tiny,HRNN_tiny", "--batch_sizes=2,3", "--num_frames=4", "--steps=1")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_model_precision_and_batch_size_has_both_steps(backend):
    pytest.importorskip(backend)
    process = run_python(
        [SCRIPT, f"--backend={backend}", *TINY, "--precisions=tf32,mixed_bfloat16"], timeout=300, JAX_PLATFORMS="cpu"
    )
    assert process.returncode == 0, process.stderr[-2000:]
    assert "tf32 is left out" in process.stdout
    results = json.loads(process.stdout.splitlines()[-1])
    assert (results["backend"], results["device"]) == (backend, "cpu")
    assert [(row["model"], row["batch_size"], row["step"]) for row in results["rows"]] == [
        (model, videos, step)
        for model in ("NetVLAD_tiny", "HRNN_tiny")
        for videos in (2, 3)
        for step in ("forward", "train")
    ]
    for row in results["rows"]:
        assert row["precision"] == "mixed_bfloat16"
        assert min(row["ms"], row["memory_mb"], row["share_of_peak"]) > 0


@pytest.mark.parametrize(
    ("flag", "named"),
    [("--precisions=float31", "float31"), ("--batch_sizes=2,none", "2,none"), ("--backend=numpy", "numpy")],
)
def test_a_wrong_flag_is_one_line(flag, named):
    process = run_python([SCRIPT, flag])
    assert process.returncode == 1
    assert named in process.stderr
    assert process.stderr.count("\n") == 1
