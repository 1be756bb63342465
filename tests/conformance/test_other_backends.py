"""Every model of the catalogue with KERAS_BACKEND=jax and =torch, where they are installed, without TensorFlow."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
from made_runs import run_python
from test_models import CATALOGUE, batch_of, predict, small

HERE = pathlib.Path(__file__).parent
# As where TensorFlow is not installed. Keras itself imports it where it can, to set its seed.
_WITHOUT_TENSORFLOW = """
import sys

sys.modules["tensorflow"] = None
sys.path.insert(0, sys.argv[2])

import other_backend

other_backend.main(sys.argv[1])
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """A file with the weights of every model and what it predicts here."""
    arrays = {}
    for name in CATALOGUE:
        model = small(name, dropout=False)
        arrays |= {f"{name}/{index}": weight for index, weight in enumerate(model.get_weights())}
        arrays[f"{name}/predictions"] = predict(model, batch_of(name))["predictions"]
    path = tmp_path_factory.mktemp("expected") / "models.npz"
    np.savez(path, **arrays)
    return path


def where_installed(backend):
    missing = importlib.util.find_spec(backend) is None
    return pytest.param(backend, marks=pytest.mark.skipif(missing, reason=f"{backend} is not installed"))


@pytest.mark.slow
@pytest.mark.parametrize("backend", [where_installed("jax"), where_installed("torch")])
def test_every_model_predicts_the_same_and_trains(backend, expected):
    # Compilation, not computation, is what takes time here.
    environment = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    process = run_python(["-c", _WITHOUT_TENSORFLOW, str(expected), str(HERE)], timeout=900, **environment)
    assert process.returncode == 0, process.stderr
    results = json.loads(process.stdout.splitlines()[-1])
    assert results["backend"] == backend
    assert results["models"].keys() == CATALOGUE.keys()
    assert not {name: result for name, result in results["models"].items() if not _is_right(result)}


def _is_right(result):
    return "error" not in result and result["difference"] <= 1e-5 and result["moved"] and result["finite"]
