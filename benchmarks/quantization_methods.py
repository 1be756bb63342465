"""What every way of storing the large weights of trained runs saves and costs.

Each run is quantised by each method (--min_elements apart) and evaluated on labelled records:

  bytes       of the weights, over those of float32
  error       root mean square of the weights' errors over that of the weights, the large ones alone
  divergence  Bernoulli divergence of the predictions from the float model's, nats a video, on --data_pattern
  GAP         minus the float model's

The last line is one JSON object. A minute for three small runs:
  python benchmarks/quantization_methods.py --checkpoint=runs/A,runs/B --data_pattern='validate/*.tfrecord'
"""

import json
import math
import statistics

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_list("checkpoint", [], "Runs, separated by commas.")
flags.DEFINE_string("data_pattern", None, "Labelled TFRecord files.")
flags.DEFINE_list("methods", [], "Methods of bin/quantize.py (default: all).")
flags.DEFINE_integer("min_elements", 17_000, "Weights with more values than this are converted.", lower_bound=0)
flags.DEFINE_integer("examples", 2000, "Videos on which predictions are compared.", lower_bound=1)
flags.DEFINE_integer("batch_size", 256, "Videos a batch.", lower_bound=1)


def main(arguments):
    """Quantises every run in every way and prints a table of each run."""
    command.no_arguments(arguments)
    if not FLAGS.checkpoint:
        raise InputError("--checkpoint is empty: name trained runs, such as runs/A,runs/B.")
    command.import_tensorflow()

    from yt8m_distill.compression.partial_quantization import METHODS
    from yt8m_distill.data.shards import find_shards

    shards, methods = find_shards(FLAGS.data_pattern, "--data_pattern"), FLAGS.methods or METHODS
    results = {path: measured(path, shards, methods) for path in FLAGS.checkpoint}
    rows = [row for found in results.values() for row in found]
    worst = {m: max(abs(row["gap_change"]) for row in rows if row["method"] == m) for m in methods}
    divergence = {m: statistics.median(row["divergence"] for row in rows if row["method"] == m) for m in methods}
    print(json.dumps({"runs": results, "worst_gap_change": worst, "median_divergence": divergence}))


def measured(path, shards, methods):
    """Rows of one run, a method each."""
    from yt8m_distill.compression.policy import Policy
    from yt8m_distill.compression.quantized_run import quantize_model, weights_of
    from yt8m_distill.inference.divergence import PredictionDivergence
    from yt8m_distill.inference.evaluate import evaluate, make_evaluation_step
    from yt8m_distill.run_config import find_run, restore_model

    run = find_run(path)
    model, spec = restore_model(run), run.config.features
    step, reading = make_evaluation_step(model, spec), {"batch_size": FLAGS.batch_size, "progress": False}

    def gap():
        return evaluate(model, spec, shards, step=step, **reading)[0]["gap"]

    weights, before = weights_of(model), gap()
    divergence = PredictionDivergence(model, spec, shards, FLAGS.examples, batch_size=FLAGS.batch_size)
    print(f"{path}: {run.config.model.name}, {sum(w.size for w in weights.values()):,} weights, GAP {before:.5f}")
    print(f"  {'method':<13}{'bytes':>9}{'error':>9}{'divergence':>12}{'GAP':>10}", flush=True)
    rows = []
    for method in methods:
        _, stored = quantize_model(model, Policy(method, FLAGS.min_elements).methods(weights))
        changed = {row.name: row for row in stored if row.method != "none"}
        row = {
            "method": method,
            "bytes": sum(one.after for one in stored) / sum(one.before for one in stored),
            "error": relative_error(changed, weights),
            "gap_change": gap() - before,
        }
        quantised = {name: array for name, array in weights_of(model).items() if name in changed}
        for name, array in weights.items():
            divergence.assign({name: array})
        rows.append(row | {"divergence": divergence(quantised)})
        print(
            f"  {method:<13}{row['bytes']:>9.2%}{row['error']:>9.2%}{rows[-1]['divergence']:>12.2e}"
            f"{row['gap_change']:>+10.5f}",
            flush=True,
        )
    return rows


def relative_error(rows, weights):
    """Of all converted weights together."""
    squares = {name: float((weights[name].astype("float64") ** 2).sum()) for name in rows}
    lost = sum(row.relative_error**2 * squares[name] for name, row in rows.items())
    return math.sqrt(lost / max(sum(squares.values()), 1e-300))


if __name__ == "__main__":
    command.run(main, __doc__)
