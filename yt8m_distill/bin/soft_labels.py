"""Stores what a trained run, or a weighted ensemble of runs, predicts for every video: soft labels for a student.

  python -m tfrecords_tools.soft_labels --checkpoint=runs/NeXtVLAD --input_data_pattern='data/train*.tfrecord' \\
      --output_dir=soft_labels/NeXtVLAD
  python -m tfrecords_tools.soft_labels --checkpoint=runs/A,runs/B,runs/C --teacher_weights=1,1,2 \\
      --input_data_pattern='data/train*.tfrecord' --output_dir=soft_labels/ABC

The store holds one file for each shard of records: video ids, the --top_k best classes and scores of each, and the sum
of the other scores. The records stay as they are; training finds the soft labels by video id. The runs may differ in
features and frames. Started again, the command goes on with the shards that are left, if teachers, settings and records
are the same.
"""

import os

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS
# Of 3862 scores the 100 best hold 94 % of the sum, softened by T = 2 only 30 % (benchmarks/soft_labels.py).
_TOP_K = 100

flags.DEFINE_string("checkpoint", None, "Run directories (the newest checkpoint of each) or RUN/checkpoints/ckpt-STEP.")
flags.DEFINE_alias("train_dir", "checkpoint")
flag_groups.define_use_ema_flag()
flags.DEFINE_list("teacher_weights", None, "mu: what each run counts in the mean (default: all the same).")
flags.DEFINE_string("input_data_pattern", None, "TFRecord files to read: globs, separated by commas.")
flags.DEFINE_string("output_dir", None, "The store: a folder that is made, or one to go on with.")
flags.DEFINE_integer(
    "top_k",
    None,
    "Scores stored of each video, 0 for all (default: 100; all where --temperature is not 1).",
    lower_bound=0,
)
flags.DEFINE_float("temperature", 1.0, "T by which the logits of the runs are divided.")
flags.DEFINE_enum("teacher_output", "sigmoid", ["sigmoid", "softmax"], "Several labels a video, or one (softmax).")
flags.DEFINE_boolean("representation", False, "Store the representation, too (float16; of a single run).")
flags.DEFINE_boolean("overwrite", False, "Empty a store that is there, and fill it anew.")
flag_groups.define_reading_flags()


def main(arguments):
    """Restores the runs and fills the store."""
    command.no_arguments(arguments)
    if not FLAGS.output_dir:
        raise InputError("--output_dir is empty: name the folder of the store, such as soft_labels/NeXtVLAD.")
    command.import_tensorflow()

    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.soft_labels import store_settings, write_soft_labels
    from yt8m_distill.run_config import find_run, restore_model
    from yt8m_distill.spec import union

    shards = find_shards(FLAGS.input_data_pattern, "--input_data_pattern")
    runs = [find_run(path.strip(), FLAGS.use_ema) for path in (FLAGS.checkpoint or "").split(",")]
    specs = [run.config.features for run in runs]
    check_first_record(shards[0], union(specs), labelled=False)
    models = [restore_model(run) for run in runs]
    settings = store_settings(
        runs,
        _weights(runs),
        top_k=_top_k(),
        temperature=FLAGS.temperature,
        output=FLAGS.teacher_output,
        representation_size=models[0].representation_size if FLAGS.representation else 0,
    )
    options = flag_groups.reading_options() | {"overwrite": FLAGS.overwrite}
    predicted = write_soft_labels(models, specs, settings, shards, FLAGS.output_dir, **options)
    print(_summary(FLAGS.output_dir, predicted))


def _top_k():
    if FLAGS.top_k is not None:
        return FLAGS.top_k
    return _TOP_K if FLAGS.temperature == 1 else 0


def _weights(runs):
    if FLAGS.teacher_weights is None:
        return [1.0] * len(runs)
    try:
        return [float(weight) for weight in FLAGS.teacher_weights]
    except ValueError:
        given = ",".join(FLAGS.teacher_weights)
        raise InputError(f"--teacher_weights={given}: expected numbers separated by commas.") from None


def _summary(directory, predicted):
    """What the store holds, as lines to read; opening it finds videos that stand in it twice."""
    from yt8m_distill.distillation.soft_label_files import read_settings, rows_path
    from yt8m_distill.distillation.soft_labels import SoftLabels

    videos, (settings, shards) = len(SoftLabels(directory)), read_settings(directory)
    size = sum(os.path.getsize(rows_path(directory, name)) for name in shards)
    kept, rest = (sum(getattr(shard, name) for shard in shards.values()) for name in ("kept_mass", "rest_mass"))
    share = f"{kept / max(kept + rest, 1e-30):.2%} of the sum of all scores" if settings.top_k else "all scores"
    rows = [
        *(("teacher", f"{teacher.path}, weight {teacher.weight:.3g}") for teacher in settings.teachers),
        ("videos", f"{videos:,} of {len(shards):,} shards, {predicted:,} of them predicted now"),
        ("bytes", f"{size / max(videos, 1):,.0f} a video, {size:,} in all"),
        ("kept", f"{share}, in {settings.top_k or settings.num_classes} of {settings.num_classes:,} classes"),
    ]
    return "\n".join([*(f"{name:<10}{text}" for name, text in rows), f"written to {directory}"])


def run():
    """Entry point of `yt8m-soft-labels` and tfrecords_tools.soft_labels."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
