"""Student and jointly trained teacher after every epoch."""

import json
import os
import time

import keras

from yt8m_distill.inference.evaluate import evaluate, make_evaluation_step
from yt8m_distill.written_aside import written_aside


class EpochResults(keras.callbacks.Callback):
    """Evaluates a student, and the teacher that learns along with it, after every epoch.

    Args:
      shards: what they are evaluated on.
      path: JSON file that keeps the epochs; read where there is one.
      batch_size: videos evaluated together.

    Attributes:
      epochs: [{"student": GAP, "teacher": GAP}], one an epoch.
      seconds: what the evaluations took, since it was made.
    """

    def __init__(self, shards, path, batch_size):
        super().__init__()
        self._shards, self._path, self._batch_size = list(shards), path, batch_size
        self._watched = {}
        self.epochs, self.seconds = [], 0.0
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.epochs = json.load(file)

    def watch(self, student, teacher=None):
        """Says what to evaluate: (model, FeatureSpec) each, known once the loop has made them."""
        named = {"student": student, "teacher": teacher}
        self._watched = {name: (*pair, make_evaluation_step(*pair)) for name, pair in named.items() if pair is not None}

    def on_epoch_end(self, epoch, logs=None):
        begin = time.monotonic()
        found = {}
        for name, (model, spec, step) in self._watched.items():
            results, _ = evaluate(model, spec, self._shards, step=step, progress=False, batch_size=self._batch_size)
            found[name] = results["gap"]
        self.epochs[epoch:] = [found]
        with written_aside(self._path) as file:
            json.dump(self.epochs, file)
        self.seconds += time.monotonic() - begin
