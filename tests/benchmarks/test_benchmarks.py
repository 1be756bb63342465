"""Every script in benchmarks/ answers --help, is named in the README, and ends in one JSON object."""

import json
import re

import pytest
from made_runs import REPOSITORY, run_python

SCRIPTS = [path for path in sorted((REPOSITORY / "benchmarks").glob("*.py")) if "__main__" in path.read_text()]
_NEVER = re.compile(r"\|\s+(tensorflow|keras)$", re.MULTILINE)

# The smallest run of each script that takes seconds, and what its last line must hold.
SMALLEST = {
    "metrics.py": (
        ("--videos=2000", "--evaluation_videos=256", "--memory_videos=2000", "--classes=50", "--repeats=1"),
        {"gap_speedup", "map_speedup", "memory_mb_2000_videos", "evaluation_seconds_256_videos"},
    ),
    "cold_start.py": (
        ("--models=NeXtVLAD_tiny", "--videos=8", "--step_videos=4", "--repeats=1", "--noimports"),
        {"help_seconds", "first_step_seconds", "first_step_parts"},
    ),
    "scaling.py": (
        (
            "--model=NeXtVLAD_tiny",
            "--videos=8,16,24",
            "--frames=2,4,6",
            "--classes=20,30,40",
            "--full_videos=8",
            "--metrics_videos=128",
            "--process_jobs=reading",
            "--process_passes=1",
            "--repeats=1",
        ),
        {"videos", "frames", "classes", "processes"},
    ),
    "input_pipeline.py": (
        ("--videos=8", "--rounds=1", "--nomemory"),
        {"full_vs_raw_read", "full_vs_plain", "k30_vs_raw_read"},
    ),
    "student_inference.py": (
        ("--models=NetVLAD_tiny", "--videos=8", "--frames=3,2", "--batch_size=4", "--rounds=1"),
        {"input_share", "student_vs_teacher_time"},
    ),
    "aggregators.py": (
        ("--layers=NetVLAD", "--batch_size=2", "--num_frames=4", "--size=16", "--clusters=4", "--repeats=1"),
        {"layers"},
    ),
    "averaging.py": (
        ("--models=NeXtVLAD_tiny", "--batch_size=2", "--num_frames=4", "--rounds=1"),
        {"models"},
    ),
    "soft_labels.py": (
        ("--videos=8", "--stored=50", "--large=60", "--top_k=20,0", "--batch_size=4", "--rounds=1"),
        {"bytes_per_video", "open_seconds", "videos_per_second", "join_share"},
    ),
    "quantized_inference.py": (
        ("--quick",),
        {"slowdown_max", "shapes", "bytes", "processes"},
    ),
    "nine_members.py": (
        ("--quick",),
        {"bytes", "parts", "over_parts", "difference", "load_seconds", "loaded_mb", "videos_per_second"},
    ),
    "model_step.py": (
        (
            "--backend=tensorflow",
            "--models=NetVLAD_tiny",
            "--batch_sizes=2",
            "--num_frames=4",
            "--steps=1",
            "--precisions=float32",
        ),
        {"backend", "device", "rows"},
    ),
}
# It builds models of the published size, in a process for each side.
TOO_LARGE = {"train_step.py"}
# They need a run, and have a test of their own.
OWN_TEST = {"quantization_methods.py"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_answers_without_tensorflow(script):
    process = run_python(["-X", "importtime", str(script), "--help"])
    assert process.returncode == 0
    assert not _NEVER.search(process.stderr)
    assert re.search(r"^  --\w+:", process.stdout, re.MULTILINE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_readme_names_it(script):
    assert f"benchmarks/{script.name}" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_every_script_has_a_smallest_run_or_is_known_to_have_none():
    assert {script.name for script in SCRIPTS} <= SMALLEST.keys() | TOO_LARGE | OWN_TEST


@pytest.mark.benchmarks
@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_run_ends_in_one_json_object(name):
    flags, promised = SMALLEST[name]
    process = run_python([f"benchmarks/{name}", *flags], timeout=300)
    assert process.returncode == 0, process.stderr[-2000:]
    assert promised <= json.loads(process.stdout.splitlines()[-1]).keys()
