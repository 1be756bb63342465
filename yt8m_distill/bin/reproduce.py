"""Makes a table or a figure of a paper: the runs, our numbers beside its own, a picture, and what became of its claims.

  python -m yt8m_distill.bin.reproduce --table=fewer_frames/1 --data=audioset --data_dir=DIR
  python -m yt8m_distill.bin.reproduce --table=fewer_frames/figure3 --data=synthetic
  python -m yt8m_distill.bin.reproduce --table=multi_teacher/1 --data=video_level --data_dir=DIR --seeds=0,1,2
  python -m yt8m_distill.bin.reproduce --data=audioset --data_dir=DIR --seeds=0 \\
      --table=size_constrained/1,size_constrained/2,size_constrained/3,size_constrained/4

--data says what the records are: audioset (real frames), expanded (YouTube-8M's real labels and means, made frames),
video_level (YouTube-8M's real means), synthetic (all made). DIR holds train/ and eval/ or validate/. Runs that are done
are not made again, by any table; the same command goes on where it was stopped. Models and trainings suit two cores.
"""

import concurrent.futures
import multiprocessing
import os

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError
from yt8m_distill.experiments.table_names import DATA, LEVELS

FLAGS = flags.FLAGS

_RUNS_OF_A_PROCESS = 16  # their graphs stay in its memory (see `Runner`)

flags.DEFINE_list("table", None, f"What to make, comma-separated: {', '.join(LEVELS)}.")
flags.DEFINE_enum("data", "audioset", list(DATA), "What the records are.")
flags.DEFINE_string("data_dir", None, "Folder with train/*.tfrecord and eval/*.tfrecord or validate/*.tfrecord.")
flags.DEFINE_string("output_dir", os.path.join("runs", "reproduce"), "Where runs, made records and tables are written.")
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of every run, comma-separated.")
flags.DEFINE_list("frames", [], "k of the students, comma-separated (default: the data's).")
flags.DEFINE_float(
    "size_budget_mb",
    None,
    "size_constrained/4: MiB of the export (default: a tenth of what all candidates have in float32 for the members).",
)
flags.DEFINE_boolean("quick", False, "Few records, steps and units: to see whether it runs, not what comes out.")


def main(arguments):
    """Makes the tables one after the other and prints each."""
    command.no_arguments(arguments)
    if not FLAGS.table:
        raise InputError(f"--table is missing: one or more of {', '.join(LEVELS)}.")
    for name in FLAGS.table:
        if name not in LEVELS:
            raise InputError(f"--table={name}: expected one of {', '.join(LEVELS)}.")
    seeds, frames = _numbers("seeds", 0), _numbers("frames", 1)
    if not seeds:
        raise InputError("--seeds is empty: expected numbers separated by commas.")
    flag_groups.require_budget()
    _start()

    from yt8m_distill.experiments.reproduction import reproduce

    given = (FLAGS.data, FLAGS.data_dir, FLAGS.output_dir, seeds, frames, FLAGS.quick)
    made, new = {}, multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, new, _start, max_tasks_per_child=_RUNS_OF_A_PROCESS) as executor:
        for name in FLAGS.table:
            text, paths = reproduce(name, *given, executor, FLAGS.size_budget_mb)
            made[name] = f"\n{text}\nwritten to {', '.join(paths)}"
            print(made[name], flush=True)
    if len(made) > 1:  # runs and their progress stand between them above
        print(f"\n== {', '.join(made)}", *made.values(), sep="\n", flush=True)


def _start():
    """What a process that makes runs does first."""
    command.import_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # every run compiles its own steps: no retracing


def _numbers(flag, least):
    """The different whole numbers of a flag, in order."""
    given = FLAGS[flag].value
    numbers = [int(text) for text in given if text.strip().isdecimal()]
    if len(numbers) != len(given) or len(set(numbers)) != len(numbers) or min(numbers, default=least) < least:
        raise InputError(
            f"--{flag}={','.join(given)}: expected different whole numbers of at least {least}, separated by commas."
        )
    return numbers


def run():
    """Entry point of `yt8m-reproduce`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
