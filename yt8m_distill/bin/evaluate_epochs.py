"""Evaluation after every epoch of a training run."""

import keras

from yt8m_distill.inference.evaluate import evaluate, make_evaluation_step, write_results


class EvaluateEpochs(keras.callbacks.Callback):
    """Evaluates the model as it stands and adds `eval_gap`, `eval_map`, ... to the logs of the epoch.

    Where the run averages its weights, the average is evaluated as well: `eval_ema_gap`, ...

    Args:
      spec: FeatureSpec.
      shards: labelled TFRecord files.
      run_dir: its eval/STEP.json is written, and eval/STEP-ema.json of averaged weights.
      batch_size: videos evaluated together.
      data: the pattern that found the shards, which those files name.
    """

    def __init__(self, spec, shards, run_dir, batch_size, data):
        super().__init__()
        self._spec, self._shards, self._run_dir, self._batch_size, self._data = spec, shards, run_dir, batch_size, data

    def on_train_begin(self, logs=None):
        self._evaluation_step = make_evaluation_step(self.model, self._spec)

    def on_epoch_end(self, epoch, logs=None):
        self._evaluate(epoch, logs)
        if average := self.params["average"]:
            with average.placed_in(self.model):
                self._evaluate(epoch, logs, use_ema=True)

    def _evaluate(self, epoch, logs, use_ema=False):
        results, _ = evaluate(
            self.model,
            self._spec,
            self._shards,
            batch_size=self._batch_size,
            progress=False,
            step=self._evaluation_step,
        )
        step = int(logs["step"])
        of = {"data": self._data, "checkpoint": f"epoch {epoch + 1}, step {step}"}
        write_results(results | of, self._run_dir, step, use_ema)
        weights = ", averaged weights," if use_ema else ""
        print(
            f"epoch {epoch + 1}{weights} evaluated on {results['examples']:,} examples: GAP {results['gap']:.4f}  "
            f"mAP {results['map']:.4f}  Hit@1 {results['hit_at_1']:.4f}  PERR {results['perr']:.4f}  "
            f"loss {results['loss']:.4f}",
            flush=True,
        )
        prefix = "eval_ema" if use_ema else "eval"
        logs.update({f"{prefix}_{key}": results[key] for key in ("gap", "map", "hit_at_1", "perr", "loss")})
