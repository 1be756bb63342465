"""Weighs several runs against each other, prints what each adds, and exports their weighted mean as one SavedModel.

  python -m yt8m_distill.bin.ensemble --members=runs/A-8bit,runs/B-8bit,runs/C --search=ascend \\
      --search_data_pattern='data/validate*.tfrecord' --weights_file=ensembles/ABC.json --output_dir=exports/ABC
  python -m yt8m_distill.bin.ensemble --members=runs/A,runs/B --weights=0.3,0.7 --output_dir=exports/AB

The table is that of the size-constrained paper: member, MB, share of all, weight, marginal GAP. Weights are searched on
data that no member was trained on; what they gain is read off folds of videos that they were not fitted to (--folds),
and the weights that count are then fitted to all. Weights that are given or read are scored on all videos, as these may
be those they were fitted to. --search: random is the paper's; ascend climbs GAP one member at a time and needs fewer
evaluations for a higher GAP (compression/weight_search.py); greedy picks the members, too, so that they fit into
--size_budget_mb, of which it leaves 1.25 MiB to the graph of each frame-level member, 0.125 MiB at video level. Without
--output_dir the command ends with the table. Where an export is refused, no weights are written either.
"""

import os

from absl import flags

from yt8m_distill.bin import command, export_flags, flag_groups
from yt8m_distill.errors import InputError
from yt8m_distill.experiments.ensemble_weights import are_weights, read_weights, require_weights_writable
from yt8m_distill.export.model_card import CARD
from yt8m_distill.written_aside import require_replaceable, require_writable

FLAGS = flags.FLAGS

flags.DEFINE_list("members", [], "Run directories (the newest checkpoint of each) or RUN/checkpoints/ckpt-STEP.")
flag_groups.define_use_ema_flag()
flags.DEFINE_list("weights", None, "What each member counts, instead of a search; divided by their sum.")
flags.DEFINE_enum("search", None, ["ascend", "random", "greedy", "equal"], "How weights are found.")
flags.DEFINE_string("search_data_pattern", None, "Labelled TFRecord files for search and table: globs, by commas.")
flags.DEFINE_integer("folds", 5, "Parts of the videos, by a hash of their ids; each is held out once.", lower_bound=2)
flags.DEFINE_integer("trials", 1000, "--search=random: weights drawn.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "--search=random: of the draws.", lower_bound=0)
flags.DEFINE_integer(
    "kept_classes",
    100,
    "Classes compared of each video: those that any member ranks highest; GAP takes 20.",
    lower_bound=20,
)
flags.DEFINE_string("predictions_file", None, "Read the members' predictions from this .npz, or predict and write it.")
flags.DEFINE_string(
    "weights_file", None, "NAME.json that a search writes, with .txt and .csv beside it; read where there is no search."
)
flags.DEFINE_string("plot", None, "Also draw weights and marginal GAP as a PNG.")
export_flags.define_export_flags()
flags.DEFINE_boolean("overwrite", False, "Replace the export that --output_dir holds.")
flag_groups.define_reading_flags()


def main(arguments):
    """Restores the members, finds or reads their weights, prints the table and exports the ensemble."""
    command.no_arguments(arguments)
    _require_consistent_flags()
    command.import_tensorflow()

    from yt8m_distill.experiments.ensemble_candidates import candidates_of
    from yt8m_distill.experiments.ensemble_report import EnsembleReport
    from yt8m_distill.run_config import find_run
    from yt8m_distill.spec import union

    runs = [find_run(path.strip(), FLAGS.use_ema) for path in FLAGS.members]
    source = union([run.config.features for run in runs])
    _require_exportable(runs, source)
    evaluate = export_flags.evaluation(source)
    members = candidates_of(runs)
    given, found = _given_weights(members)
    fit = _fit([member.num_bytes for member in members], source, given)
    weights, score = _search(fit, runs, source)
    report = EnsembleReport(members, tuple(map(float, weights)), found | _settings(fit, members), score)
    print(report.text(), flush=True)
    report.require_within(FLAGS.size_budget_mb)
    if FLAGS.output_dir:  # first: where the export is refused, nothing is written
        _export(runs, report, evaluate)
    if FLAGS.weights_file and FLAGS.search:
        report.write(FLAGS.weights_file)
        print(f"written to {FLAGS.weights_file}")
    if FLAGS.plot:
        report.draw(FLAGS.plot)
        print(f"written to {FLAGS.plot}")


def _require_exportable(runs, source):
    from yt8m_distill.export.mediapipe import require_frames
    from yt8m_distill.export.members import require_fixed_frames

    if FLAGS.output_dir:
        require_fixed_frames((run.directory, run.config.features) for run in runs)
        if FLAGS.form == "mediapipe":
            require_frames(source)


def _require_consistent_flags():
    from yt8m_distill.experiments import plots

    if not (FLAGS.members and all(FLAGS.members)):
        given = ",".join(FLAGS.members)
        raise InputError(f"--members={given} has an empty name: name run directories, separated by commas.")
    if FLAGS.weights and FLAGS.search:
        raise InputError("--weights and --search exclude each other: give one.")
    if FLAGS.weights and FLAGS.weights_file:
        raise InputError("--weights and --weights_file exclude each other: a search writes that file, or it is read.")
    if not (FLAGS.weights or FLAGS.search or FLAGS.weights_file):
        raise InputError("give --weights, --search, or the --weights_file that an earlier search wrote.")
    if FLAGS.search in ("ascend", "random", "greedy") and not FLAGS.search_data_pattern:
        raise InputError(f"--search={FLAGS.search} needs --search_data_pattern: labelled records held out of training.")
    flag_groups.require_budget()
    if FLAGS.output_dir:
        require_replaceable(os.path.normpath(FLAGS.output_dir), CARD, FLAGS.overwrite)
    export_flags.require_output_for_evaluation()
    export_flags.require_outside_output("weights_file", "predictions_file", "plot")
    if FLAGS.search and FLAGS.weights_file:
        require_weights_writable(FLAGS.weights_file)
    for path in filter(None, [FLAGS.plot, FLAGS.predictions_file]):
        require_writable(path)
    if FLAGS.plot:
        plots.require("matplotlib")
        if not FLAGS.search_data_pattern:
            raise InputError("--plot draws marginal GAP: give --search_data_pattern.")


def _given_weights(members):
    """(weights of --weights or --weights_file, None where they are searched for; {"method" ...} for the report)."""
    if FLAGS.search:
        return None, {"method": FLAGS.search}
    if not FLAGS.weights:
        return read_weights(FLAGS.weights_file, members)
    try:
        weights = [float(weight) for weight in FLAGS.weights]
    except ValueError:
        weights = []
    if len(weights) != len(members) or not are_weights(weights):
        given = ",".join(FLAGS.weights)
        raise InputError(f"--weights={given}: expected a number of at least 0 for each of the {len(members)} members.")
    return [weight / sum(weights) for weight in weights], {"method": "given"}


def _fit(sizes, source, given):
    """The function of KeptPredictions to weights that the flags ask for."""
    from yt8m_distill.compression import weight_search
    from yt8m_distill.compression.budgeted_ensemble import BudgetedFit
    from yt8m_distill.export.budget import MIB, graph_reserve

    if given is not None:
        return lambda predictions: given
    return {
        "equal": lambda predictions: [1 / len(sizes)] * len(sizes),
        "random": lambda predictions: weight_search.random_search(predictions, FLAGS.trials, FLAGS.seed),
        "ascend": weight_search.ascend,
        "greedy": BudgetedFit(sizes, FLAGS.size_budget_mb * MIB, graph_reserve(source)),
    }[FLAGS.search]


def _search(fit, runs, source):
    """(weights, their Score, None without data)."""
    if not FLAGS.search_data_pattern:
        return fit(None), None

    from yt8m_distill.compression.nested_search import score_of, scored_fit
    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.member_predictions import stored_predictions

    shards = find_shards(FLAGS.search_data_pattern, "--search_data_pattern")
    check_first_record(shards[0], source)
    reading = flag_groups.reading_options() | {"kept": FLAGS.kept_classes}
    predictions = stored_predictions(FLAGS.predictions_file, runs, shards, **reading)
    if FLAGS.search:
        return scored_fit(fit, predictions, FLAGS.folds)
    return fit(predictions), score_of(fit(predictions), predictions)


def _settings(fit, members):
    """What a search was told and what it did, and the data of the score, for the report."""
    found = {}
    if FLAGS.search == "random":
        found |= {"trials": FLAGS.trials, "seed": FLAGS.seed}
    if FLAGS.search == "greedy":
        steps = fit.step_records([member.name for member in members])
        found |= {"size_budget_mb": FLAGS.size_budget_mb, "steps": steps}
    if FLAGS.search_data_pattern:
        found |= {"data": FLAGS.search_data_pattern, **({"folds": FLAGS.folds} if FLAGS.search else {})}
    return found


def _export(runs, report, evaluate):
    """Exports the members whose weight is above 0; how they were weighed stands in the card."""
    from yt8m_distill.export.exported_runs import export_runs

    counted = [(run, weight) for run, weight in zip(runs, report.weights, strict=True) if weight]
    options = {"top_k": FLAGS.top_k, "budget_mib": FLAGS.size_budget_mb, "overwrite": FLAGS.overwrite}
    options |= {"form": FLAGS.form, "evaluate": evaluate, "more": report.findings()}
    done = export_runs(
        [run for run, _ in counted], FLAGS.output_dir, weights=[weight for _, weight in counted], **options
    )
    print(f"{FLAGS.output_dir}: {done.size.summary()}\n{done.gpu}\nmodel card: {done.card}")
    export_flags.print_evaluation(done.evaluation)
    print(f"largest difference to the weighted sum of the members on random videos: {done.difference:.1e}")


def run():
    """Entry point of `yt8m-ensemble`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
