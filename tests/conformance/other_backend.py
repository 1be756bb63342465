"""Runs every model of the catalogue on the backend that KERAS_BACKEND names, in a process of its own.

`main(FILE)` takes weights and predictions from FILE, which test_other_backends.py has written, and prints of every
model the largest difference between the predictions and whether a training step moved the weights and left them finite,
or the error.
"""

import json
import traceback

import keras
import numpy as np
from keras import ops
from test_models import CATALOGUE, CLASSES, batch_of, predict, small


def run(name, arrays):
    """What FILE holds of one model, against what this backend makes of it."""
    model, batch = small(name, dropout=False), batch_of(name)
    model.set_weights([arrays[f"{name}/{index}"] for index in range(len(model.weights))])
    difference = np.abs(predict(model, batch)["predictions"] - arrays[f"{name}/predictions"]).max()
    return {"difference": float(difference), **train(model, batch)}


def train(model, batch):
    """One training step: whether it moved every weight and left it finite."""
    videos = len(next(iter(batch.values())))
    labels = {"predictions": np.random.default_rng(1).integers(0, 2, (videos, CLASSES))}
    # Compiled in one piece with JAX: one kernel after the other takes three times as long.
    options = {"run_eagerly": False, "jit_compile": keras.backend.backend() == "jax"}
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss={"predictions": "binary_crossentropy"}, **options)
    before = [np.array(ops.convert_to_numpy(weight)) for weight in model.trainable_variables]
    model.train_on_batch(batch, labels)
    after = [ops.convert_to_numpy(weight) for weight in model.trainable_variables]
    return {
        "moved": all((new != old).any() for new, old in zip(after, before, strict=True)),
        "finite": all(bool(np.isfinite(new).all()) for new in after),
    }


def run_all(path):
    """{model: what `run` returns, or the error}."""
    results = {}
    with np.load(path) as arrays:
        for name in CATALOGUE:
            try:
                results[name] = run(name, arrays)
            except Exception:
                results[name] = {"error": "".join(traceback.format_exc().splitlines(keepends=True)[-4:])}
    return results


def main(path):
    """Prints the results as one line of JSON."""
    print(json.dumps({"backend": keras.backend.backend(), "models": run_all(path)}))
