"""Evaluates a run, or an export, on labelled TFRecords: GAP@20, mAP, Hit@1 and PERR over every frame of every video.

  python eval.py --checkpoint=runs/NeXtVLAD --eval_data_pattern='data/validate*.tfrecord'

Prints a table and writes RUN/eval/STEP.json, with --use_ema STEP-ema.json, of an export EXPORT/eval/export.json;
--per_class_csv adds a row for every class. --watch goes on with the newest checkpoint of a run that is being trained,
whenever there is a new one.
"""

import dataclasses
import time

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import require_writable

FLAGS = flags.FLAGS

flag_groups.define_checkpoint_flag()
flag_groups.define_use_ema_flag()
flags.DEFINE_string("eval_data_pattern", None, "Labelled TFRecord files: globs, separated by commas.")
flag_groups.define_reading_flags()
flags.DEFINE_integer("top_k", 20, "Scores kept of each video for GAP and mAP.", lower_bound=1)
flags.DEFINE_boolean("segment_labels", None, "Evaluate on rated 5-second segments (default: as the run was trained).")
flags.DEFINE_string("per_class_csv", None, "Also write class, positives and average precision to this file.")
flags.DEFINE_boolean("watch", False, "Go on: wait for new checkpoints and evaluate the newest.")
flags.DEFINE_boolean("run_once", True, "The starter code's flag: --norun_once is --watch.")
flags.DEFINE_float("watch_seconds", 10.0, "Seconds between two looks for a new checkpoint.", lower_bound=0.1)
flags.DEFINE_float("watch_timeout", None, "With --watch: stop when no new checkpoint has come for this many seconds.")


def main(arguments):
    """Evaluates the newest checkpoint, or with --watch each new one."""
    command.no_arguments(arguments)
    command.import_tensorflow()

    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.loaded_model import load_model, load_run
    from yt8m_distill.inference.served_model import holds_export

    watch = FLAGS.watch or not FLAGS.run_once
    if watch and holds_export(FLAGS.checkpoint):
        raise InputError(f"--watch waits for checkpoints and {FLAGS.checkpoint} is an export: leave out --watch.")
    if FLAGS.per_class_csv:
        require_writable(FLAGS.per_class_csv)
    shards = find_shards(FLAGS.eval_data_pattern, "--eval_data_pattern")
    if not watch:
        _evaluate(load_model(FLAGS.checkpoint, FLAGS.use_ema), shards)
        return
    for run in _new_checkpoints():
        _evaluate(load_run(run), shards)


def _evaluate(loaded, shards):
    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.inference.evaluate import evaluate, table, write_per_class, write_results

    spec = loaded.spec
    if FLAGS.segment_labels is not None:
        if spec.level == "video":
            raise InputError(f"--segment_labels needs a frame-level model and {loaded.directory} is video level.")
        spec = dataclasses.replace(spec, level="segment" if FLAGS.segment_labels else "frame")
    check_first_record(shards[0], spec)
    results, per_class = evaluate(loaded.model, spec, shards, top_k=FLAGS.top_k, **flag_groups.reading_options())
    results |= {"data": FLAGS.eval_data_pattern, "checkpoint": loaded.checkpoint}
    # First, since the directory of a run or an export may be one that only others may write to.
    print(f"{loaded.title}\n{table(results)}", flush=True)
    if FLAGS.per_class_csv:
        write_per_class(per_class, FLAGS.per_class_csv)
    path = write_results(results, loaded.directory, loaded.step, loaded.use_ema)
    print(f"  written to  {path}", flush=True)


def _new_checkpoints():
    """Yields the run each time it has a new checkpoint."""
    from yt8m_distill.run_config import NothingThereError, find_run

    seen, since = None, time.monotonic()
    while FLAGS.watch_timeout is None or time.monotonic() - since < FLAGS.watch_timeout:
        try:
            run = find_run(FLAGS.checkpoint, FLAGS.use_ema)
        except NothingThereError as error:
            if seen is None:
                print(f"waiting: {error}", flush=True)
                seen = ""
            run = None
        if run is not None and run.checkpoint != seen:
            yield run
            seen, since = run.checkpoint, time.monotonic()
        time.sleep(FLAGS.watch_seconds)


def run():
    """Entry point of `yt8m-eval` and eval.py."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
