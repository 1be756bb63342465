"""`--help` of every command: at once, and about this project."""

import ast
import re
import time

import pytest
from made_runs import REPOSITORY, run_python

LAUNCHERS = ("train.py", "eval.py", "inference.py")


def test_every_console_command_exists():
    entries = re.findall(r'"(yt8m-[\w-]+) = ([\w.]+):(\w+)"', (REPOSITORY / "setup.py").read_text())
    assert len(entries) >= 10
    for _, module, function in entries:
        assert function == "run" and _has_run(REPOSITORY / f"{module.replace('.', '/')}.py"), module


def _has_run(path):
    body = ast.parse(path.read_text()).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in body)


def _commands():
    """Command lines of the launchers, and of every module of bin/ and tfrecords_tools/ with a `run`."""
    folders = ("yt8m_distill/bin", "tfrecords_tools")
    paths = [path for folder in folders for path in sorted((REPOSITORY / folder).glob("*.py"))]
    modules = [path.relative_to(REPOSITORY).with_suffix("") for path in paths if _has_run(path)]
    return [[name] for name in LAUNCHERS] + [
        ["-m", ".".join(module.parts)] for module in modules if module.name != "command"
    ]


# What a command wants imported is told on stderr by this, as -X importtime tells it.
_NEVER = re.compile(r"\|\s+(tensorflow|keras)$", re.MULTILINE)


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_help_answers_at_once_and_begins_with_this_projects_flags(command):
    seconds = []
    while len(seconds) < 3 and min(seconds, default=1.0) >= 1.0:
        begin = time.monotonic()
        process = run_python([*command, "--help"])
        seconds.append(time.monotonic() - begin)
        assert (process.returncode, process.stderr) == (0, "")
    assert min(seconds) < 1.0
    flags = re.findall(r"^  --(\w+):", process.stdout, re.MULTILINE)
    assert flags
    assert not {"alsologtostderr", "verbosity", "logtostderr", "pdb"} & set(flags)
    assert "--helpfull" in process.stdout.splitlines()[-1]


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_help_imports_neither_tensorflow_nor_keras(command):
    process = run_python(["-X", "importtime", *command, "--help"])
    assert process.returncode == 0
    assert not _NEVER.search(process.stderr)
    assert "absl.flags" in process.stderr


def test_a_reader_that_has_read_enough_is_no_error():
    # The pipe's other end is closed before the command writes.
    script = (
        "import os, subprocess, sys; r, w = os.pipe(); os.close(r); "
        "sys.exit(subprocess.run([sys.executable, 'train.py', '--help'], stdout=w).returncode)"
    )
    ended = run_python(["-c", script])
    assert ended.returncode == 141
    assert not ended.stderr
