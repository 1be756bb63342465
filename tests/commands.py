"""Command lines called one after another in one process, since every process imports TensorFlow anew.

As a script: commands.py MODULE {CASE: [ARGUMENT...]} [STATEMENTS], the second as JSON; it prints what `run_commands`
returns.
"""

import contextlib
import importlib
import json
import os
import sys
import tempfile

from absl import flags


def run_commands(module, cases, setup="", timeout=300):
    """{case: (status, stdout, stderr)} of a command called with each of the command lines.

    Args:
      module: its name; `module.run()` is the command.
      cases: {case: arguments}.
      setup: Python statements that run first.
    """
    from made_runs import run_python  # imports TensorFlow, which is the command's to do

    process = run_python([__file__, module, json.dumps(cases), setup], timeout)
    assert process.returncode == 0, process.stderr
    return {case: tuple(outcome) for case, outcome in json.loads(process.stdout).items()}


def _outcome(command, arguments):
    for flag in set(flags.FLAGS):
        flags.FLAGS[flag].unparse()
    sys.argv = [sys.argv[0], *arguments]
    with _written_to(1) as out, _written_to(2) as err:
        try:
            command()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
    return status, out[0], err[0]


@contextlib.contextmanager
def _written_to(descriptor):
    """A list that in the end holds what Python and C++ wrote to standard output (1) or standard error (2)."""
    stream, text = {1: sys.stdout, 2: sys.stderr}[descriptor], []
    with tempfile.TemporaryFile() as caught:
        stream.flush()
        before = os.dup(descriptor)
        os.dup2(caught.fileno(), descriptor)
        try:
            yield text
        finally:
            stream.flush()
            os.dup2(before, descriptor)
            os.close(before)
            caught.seek(0)
            text.append(caught.read().decode())


if __name__ == "__main__":
    exec(sys.argv[3])
    called = importlib.import_module(sys.argv[1])
    print(json.dumps({case: _outcome(called.run, line) for case, line in json.loads(sys.argv[2]).items()}))
