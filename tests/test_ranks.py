"""The rank rule: a file imports only from lower ranks, or from its own folder."""

import ast
import pathlib

import pytest
from made_runs import REPOSITORY, run_python

PACKAGE = REPOSITORY / "yt8m_distill"
TOOLS = REPOSITORY / "tfrecords_tools"
RANKS = {
    # Of rank 0, the standard library alone: everything raises InputError, and a student's numbers name a spec.
    "errors": -2,
    "spec": -1,
    "written_aside": 0,
    "checksums": 0,
    "hyperparameters": 0,
    "data": 1,
    "video": 1,
    "layers": 2,
    "metrics": 2,
    "losses": 2,
    "models": 3,
    "stored_weights": 3,
    "run_config": 4,
    "cost": 5,
    "distillation": 5,
    "compression": 5,
    "training": 6,
    "inference": 6,
    "export": 6,
    "experiments": 7,
    "bin": 8,
}
# What the command-line tools may use of the library: records, and the way in which commands start and end; one of them
# is a command of the library under the name that users look for.
OPEN_TO_TOOLS = {"data", "spec", "errors", "bin.command", "bin.soft_labels"}
WITHOUT_TENSORFLOW = ("layers", "models", "metrics", "hyperparameters", "losses", "spec", "errors", "cost")
FILES = sorted(PACKAGE.rglob("*.py"))
TOOL_FILES = sorted(TOOLS.rglob("*.py"))


def _name(path):
    return str(path.relative_to(REPOSITORY))


def _imports(path):
    """Dotted names of everything the file imports, at its top or inside of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)} has a relative import"
            # `from yt8m_distill import losses` names a module, `from yt8m_distill.spec import FeatureSpec` does not.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parts_used(path):
    """(part, rest) of each import from the library: `yt8m_distill.data.shards.x` -> ("data", "shards.x")."""
    for name in _imports(path):
        package, _, rest = name.partition(".")
        if package == "yt8m_distill" and not rest.startswith("__"):
            yield rest.partition(".")[0], rest.partition(".")[2]


def _part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_part_of_the_library_has_a_rank():
    parts = {_part(path) for path in FILES} - {"__init__"}
    assert parts <= set(RANKS)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_imports_only_from_lower_ranks(path):
    own = _part(path)
    upward = [part for part, _ in _parts_used(path) if part != own and RANKS[part] >= RANKS.get(own, 0)]
    assert not upward


@pytest.mark.parametrize("path", [path for path in FILES if _part(path) in WITHOUT_TENSORFLOW], ids=_name)
def test_models_and_what_they_are_made_of_run_on_every_backend(path):
    assert not [name for name in _imports(path) if name.split(".")[0] in ("tensorflow", "tf_keras")]


@pytest.mark.parametrize("path", TOOL_FILES, ids=_name)
def test_record_tools_need_no_models(path):
    used = {(part, f"{part}.{rest.partition('.')[0]}") for part, rest in _parts_used(path)}
    assert not [part for part, longer in used if part not in OPEN_TO_TOOLS and longer not in OPEN_TO_TOOLS]


@pytest.mark.parametrize("path", FILES + TOOL_FILES, ids=_name)
def test_no_file_is_a_drawer_for_everything(path):
    assert not set(path.stem.split("_")) & {"util", "utils", "common", "helper", "helpers", "misc"}


@pytest.mark.parametrize("path", [path for path in FILES + TOOL_FILES if path.name == "__init__.py"], ids=_name)
def test_an_init_file_only_exports(path):
    allowed = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign)
    for node in ast.parse(path.read_text()).body:
        assert isinstance(node, allowed), ast.unparse(node)
        if isinstance(node, ast.Assign):
            assert ast.unparse(node.targets[0]) in ("__all__", "__version__")
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("path", [path for path in FILES if _part(path) != "bin"], ids=_name)
def test_flags_stop_at_the_binaries(path):
    assert not [name for name in _imports(path) if name.startswith("absl")]


def test_importing_the_library_imports_neither_tensorflow_nor_keras():
    code = (
        "import sys, yt8m_distill, yt8m_distill.spec, yt8m_distill.hyperparameters, yt8m_distill.run_config;"
        "print([name for name in ('tensorflow', 'keras', 'numpy') if name in sys.modules])"
    )
    process = run_python(["-c", code])
    assert (process.stdout, process.stderr) == ("[]\n", "")


def test_the_launchers_are_launchers():
    for name in ("train.py", "eval.py", "inference.py"):
        lines = pathlib.Path(REPOSITORY / name).read_text().splitlines()
        assert len(lines) <= 6
