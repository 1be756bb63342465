"""Averages the weights of several checkpoints of one model (SWA) into a run directory.

  python -m yt8m_distill.bin.average --checkpoint=runs/NeXtVLAD --last=5 --output_dir=runs/NeXtVLAD-swa
  python -m yt8m_distill.bin.average --checkpoint=runs/A/checkpoints/ckpt-9000,runs/B --output_dir=runs/AB \\
      --batch_norm_data_pattern='data/train*.tfrecord'

The run that is written is evaluated, quantised and exported like any other. With --batch_norm_data_pattern statistics
of batch norm, else a mean as well, are taken anew: the mean of the moments of batches that pass through the averaged
weights in training mode without dropout. An average of every step is kept by train.py --ema_half_life; one checkpoint
with --use_ema becomes a run of that average alone.
"""

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_list("checkpoint", [], "Run directories (the newest checkpoint of each) or RUN/checkpoints/ckpt-STEP.")
flags.DEFINE_alias("train_dir", "checkpoint")
flag_groups.define_use_ema_flag()
flags.DEFINE_integer("last", None, "Average so many checkpoints of one run, --checkpoint the last.", lower_bound=1)
flags.DEFINE_string("output_dir", None, "The run directory to write; it appears when it is complete.")
flags.DEFINE_boolean("overwrite", False, "Replace what an earlier command like this left in --output_dir.")
flags.DEFINE_string("batch_norm_data_pattern", None, "TFRecord files to take batch norm's statistics from, if any.")
flags.DEFINE_integer("batch_norm_examples", 10_000, "About so many of their examples are read.", lower_bound=1)
flag_groups.define_reading_flags()


def main(arguments):
    """Averages, takes batch norm's statistics anew where asked, and writes the run."""
    command.no_arguments(arguments)
    command.import_tensorflow()

    from yt8m_distill.compression.averaged_run import averaged_model, write_averaged_run
    from yt8m_distill.compression.made_run import require_makeable

    runs = _runs()
    require_makeable(FLAGS.output_dir, "average", [run.directory for run in runs], FLAGS.overwrite)
    shards = _shards()
    model = averaged_model(runs)
    batch_norm = _reestimated(model, runs[-1].config, shards) if shards else {"batch_norm": "averaged"}
    write_averaged_run(model, runs, FLAGS.output_dir, batch_norm, FLAGS.overwrite)
    print("\n".join(f"  {run.checkpoint}{', averaged weights' if run.use_ema else ''}" for run in runs))
    print(f"{FLAGS.output_dir}: the mean of {len(runs)}, step {runs[-1].step}")


def _runs():
    from yt8m_distill.run_config import find_run

    if not FLAGS.checkpoint:
        raise InputError("--checkpoint is empty: name run directories or checkpoints, separated by commas.")
    paths = FLAGS.checkpoint
    if FLAGS.last:
        if len(paths) > 1:
            raise InputError(f"--last={FLAGS.last} and {len(paths)} checkpoints: give one run directory, or no --last.")
        paths = _last(find_run(paths[0]))
    return [find_run(path, FLAGS.use_ema) for path in paths]


def _last(run):
    """Prefixes of --last checkpoints of a run, the one that was named at the end."""
    from yt8m_distill.run_config import checkpoint_step, complete_checkpoints

    earlier = [prefix for prefix in complete_checkpoints(run.directory) if checkpoint_step(prefix) < run.step]
    paths = [*earlier, run.checkpoint]
    if len(paths) < FLAGS.last:
        raise InputError(
            f"--last={FLAGS.last} and {run.directory} holds {len(paths)} checkpoints up to step {run.step}: give a "
            "smaller number, or train with a larger --max_checkpoints_to_keep."
        )
    return paths[-FLAGS.last :]


def _shards():
    from yt8m_distill.data.shards import find_shards

    pattern = FLAGS.batch_norm_data_pattern
    return find_shards(pattern, "--batch_norm_data_pattern") if pattern else []


def _reestimated(model, config, shards):
    """Takes batch norm's statistics anew; what the origin of the run says about that."""
    from yt8m_distill.compression.batch_norm_statistics import reestimate
    from yt8m_distill.data.record_checks import check_first_record

    spec = config.features
    check_first_record(shards[0], spec, labelled=spec.level == "segment")
    options = {"bucket_by_length": config.training.bucket_by_length, **flag_groups.reading_options()}
    examples = reestimate(model, spec, shards, FLAGS.batch_norm_examples, seed=config.training.seed, **options)
    return {
        "batch_norm": FLAGS.batch_norm_data_pattern,
        "batch_norm_examples": examples,
        "batch_size": FLAGS.batch_size,
    }


def run():
    """Entry point of `yt8m-average`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
