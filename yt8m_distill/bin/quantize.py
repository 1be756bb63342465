"""Stores the large weights of a run in 8 bits, or in 4, by channel or in float16, and says what that changes.

  python -m yt8m_distill.bin.quantize --checkpoint=runs/NeXtVLAD --output_dir=runs/NeXtVLAD-8bit \\
      --eval_data_pattern='data/validate*.tfrecord'
  python -m yt8m_distill.bin.quantize --checkpoint=runs/NeXtVLAD --output_dir=runs/NeXtVLAD-mixed \\
      --size_budget_mb=30 --mix_to_fit --calibration_data_pattern='data/train00*.tfrecord'

Writes a run directory that evaluation, inference, ensembles and export take like any other, with quantization.csv: a
row a weight. The defaults are the size-constrained paper's: float32 weights of more than 17,000 values, 256 equal
steps.
"""

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flag_groups.define_checkpoint_flag()
flag_groups.define_use_ema_flag()
flags.DEFINE_string("output_dir", None, "The run directory to write; it appears when it is complete.")
flags.DEFINE_boolean("overwrite", False, "Replace what an earlier command made at --output_dir.")
flags.DEFINE_string(
    "quantize_method",
    "uniform",
    "How large weights are stored: uniform, quantile, kmeans (256 values a weight), per_channel (256 steps a channel); "
    "each with the ending 4 for 16; float16; none.",
)
flags.DEFINE_integer("min_elements", 17_000, "Weights with more values than this are converted.", lower_bound=0)
flags.DEFINE_enum("small_weights", "none", ["none", "float16"], "How weights of no more values are stored.")
flags.DEFINE_list(
    "quantize_rules", [], "PATTERN=METHOD,...: large weights whose name holds the regular expression; the first counts."
)
flags.DEFINE_string("eval_data_pattern", None, "Labelled TFRecord files: GAP and mAP before and after on these.")
flags.DEFINE_float("size_budget_mb", None, "Largest size of all weights, in MiB (2**20 bytes); above it, fail.")
flags.DEFINE_boolean(
    "mix_to_fit", False, "Store in 4 bits what changes predictions least, until --size_budget_mb fits."
)
flags.DEFINE_string("calibration_data_pattern", None, "--mix_to_fit: TFRecord files to compare predictions on.")
flags.DEFINE_integer("calibration_examples", 1000, "--mix_to_fit: videos of these that are compared.", lower_bound=1)
flag_groups.define_reading_flags()


def main(arguments):
    """Restores a run, quantises its weights, evaluates both and writes the new run directory."""
    command.no_arguments(arguments)
    policy = _policy()
    command.import_tensorflow()

    from yt8m_distill.compression.made_run import require_makeable, require_unquantized
    from yt8m_distill.compression.quantized_run import quantize_model, write_quantized_run
    from yt8m_distill.compression.report import report_table
    from yt8m_distill.run_config import find_run, restore_model

    run = find_run(FLAGS.checkpoint, FLAGS.use_ema)
    require_makeable(FLAGS.output_dir, "quantize", [run.directory], FLAGS.overwrite)
    require_unquantized(run, "quantise")
    model = restore_model(run)
    evaluate = _evaluation(run, model)
    methods = _methods(run, model, policy)
    before = evaluate()
    tensors, rows = quantize_model(model, methods)
    print(f"{run.config.model.name}, step {run.step}\n{report_table(rows)}", flush=True)
    size = _require_fit(tensors)
    after = evaluate()
    settings = {"method": policy.method, "min_elements": policy.min_elements}
    settings |= {
        "rules": list(FLAGS.quantize_rules),
        "small_weights": policy.small_method,
        "bytes": size,
        "before": before,
        "after": after,
    }
    write_quantized_run(run, tensors, rows, settings, FLAGS.output_dir, FLAGS.overwrite)
    if before:
        print(_comparison(before, after))
    print(f"written to {FLAGS.output_dir}")


def _policy():
    from yt8m_distill.compression.policy import Policy, parse_rules

    if FLAGS.mix_to_fit and not (FLAGS.size_budget_mb and FLAGS.calibration_data_pattern):
        raise InputError(
            "--mix_to_fit needs --size_budget_mb, and --calibration_data_pattern to compare predictions on."
        )
    if FLAGS.calibration_data_pattern and not FLAGS.mix_to_fit:
        raise InputError("--calibration_data_pattern is read by --mix_to_fit alone: give both or neither.")
    flag_groups.require_budget()
    return Policy(FLAGS.quantize_method, FLAGS.min_elements, parse_rules(FLAGS.quantize_rules), FLAGS.small_weights)


def _methods(run, model, policy):
    """{name: method} of every weight."""
    from yt8m_distill.compression.quantized_run import weights_of

    weights = weights_of(model)
    methods = policy.methods(weights)
    if not FLAGS.mix_to_fit:
        return methods

    from yt8m_distill.compression.sensitivity import mix, sensitivity_table
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.divergence import PredictionDivergence

    shards = find_shards(FLAGS.calibration_data_pattern, "--calibration_data_pattern")
    reading, examples = flag_groups.reading_options(), FLAGS.calibration_examples
    divergence = PredictionDivergence(model, run.config.features, shards, examples, **reading)
    mixed, found = mix(weights, methods, policy.unnamed(weights), FLAGS.size_budget_mb * 2**20, divergence)
    if found:
        print(sensitivity_table(found, mixed))
    return mixed


def _evaluation(run, model):
    """A function that evaluates the model as it is: {"gap", "map", ...}, empty without --eval_data_pattern."""
    if not FLAGS.eval_data_pattern:
        return dict

    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.evaluate import evaluate, make_evaluation_step

    spec, shards = run.config.features, find_shards(FLAGS.eval_data_pattern, "--eval_data_pattern")
    check_first_record(shards[0], spec)
    step = make_evaluation_step(model, spec)
    return lambda: evaluate(model, spec, shards, step=step, **flag_groups.reading_options())[0]


def _require_fit(tensors):
    """Bytes of the weights, once they fit into the budget."""
    from yt8m_distill.compression.size_advice import advice

    size = sum(tensor.num_bytes for tensor in tensors.values())
    if FLAGS.size_budget_mb is not None and size > (budget := FLAGS.size_budget_mb * 2**20):
        raise InputError(
            f"over budget: {size:,} bytes of weights and --size_budget_mb={FLAGS.size_budget_mb} means {int(budget):,} "
            f"bytes. {advice(tensors, size - budget, FLAGS.min_elements)} Nothing was written."
        )
    return size


def _comparison(before, after):
    rows = [("", "before", "after", "change")]
    for name, label in (("gap", "GAP@20"), ("map", "mAP"), ("hit_at_1", "Hit@1"), ("perr", "PERR"), ("loss", "loss")):
        change = after[name] - before[name]
        rows.append((label, f"{before[name]:.5f}", f"{after[name]:.5f}", f"{change:+.5f}"))
    return "\n".join(f"  {label:<8}{one:>10}{two:>10}{change:>11}" for label, one, two, change in rows)


def run():
    """Entry point of `yt8m-quantize`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
