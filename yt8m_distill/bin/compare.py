"""Trains several models on the same data and prints a table of what each reached.

  python -m yt8m_distill.bin.compare --flagfiles='flags/real/audioset/*.flags' --output_dir=runs/audioset \\
      --train_data_pattern='train/*.tfrecord' --eval_data_pattern='eval/*.tfrecord'

One run directory a flagfile and seed; the same command goes on where it was stopped. Writes OUTPUT/table.csv.
"""

import glob
import os
import pathlib

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_string("flagfiles", None, "Flagfiles of train.py, one a model: globs, separated by commas.")
flags.DEFINE_string("train_data_pattern", None, "TFRecord files to train on: globs, separated by commas.")
flags.DEFINE_string("eval_data_pattern", None, "TFRecord files to evaluate on: globs, separated by commas.")
flags.DEFINE_string("output_dir", os.path.join("runs", "comparison"), "Where the runs and table.csv are written.")
flags.DEFINE_list("seeds", ["0"], "Seeds of each model, separated by commas.")
flags.DEFINE_multi_string("train_flag", [], "One more flag of every training, such as --num_epochs=2; may be repeated.")


def main(arguments):
    """Trains and evaluates what is not done yet, then prints the table."""
    command.no_arguments(arguments)
    for name in ("flagfiles", "train_data_pattern", "eval_data_pattern"):
        if not FLAGS[name].value:
            raise InputError(f"--{name} is missing (see --help).")
    if not FLAGS.seeds or not all(seed.isdecimal() for seed in FLAGS.seeds):
        raise InputError(f"--seeds={','.join(FLAGS.seeds)}: expected whole numbers separated by commas.")
    flagfiles = _flagfiles(FLAGS.flagfiles.split(","))
    command.import_tensorflow()

    from yt8m_distill.experiments.comparison import compare, summary

    seeds = [int(seed) for seed in FLAGS.seeds]
    data = (FLAGS.train_data_pattern, FLAGS.eval_data_pattern)
    table = compare(flagfiles, seeds, FLAGS.output_dir, *data, FLAGS.train_flag)
    print(f"\n{summary(table)}\n\nwritten to {os.path.join(FLAGS.output_dir, 'table.csv')}")


def _flagfiles(patterns):
    """The files that the patterns name, in alphabetical order."""
    paths, names = set(), {}
    for pattern in patterns:
        found = glob.glob(pattern)
        if not found:
            raise InputError(f"--flagfiles={pattern}: there is no such file.")
        paths.update(map(os.path.normpath, found))
    for path in sorted(paths):
        other = names.setdefault(pathlib.Path(path).stem, path)
        if other != path:
            raise InputError(f"{other} and {path} would share a run directory: rename one, or compare them apart.")
    return sorted(paths)


def run():
    """Entry point of `yt8m-compare`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
