"""Exports a run for use without this library, and checks it against a size budget.

  python -m yt8m_distill.bin.export --checkpoint=runs/NeXtVLAD --output_dir=exports/NeXtVLAD
  python -m yt8m_distill.bin.export --checkpoint=runs/NeXtVLAD --output_dir=exports/mediapipe --form=mediapipe
  python -m yt8m_distill.bin.export --checkpoint=runs/student-8bit --litert_file=exports/student.tflite
  python -m yt8m_distill.bin.export --verify=exports/NeXtVLAD

A SavedModel needs TensorFlow alone. Signatures: serving_default (serialized records -> video_id, class_indexes,
predictions; of --form=mediapipe rgb_and_audio floats and num_frames -> predictions) and features (uint8 rgb and audio,
num_frames -> predictions, representation). They take whole videos, of which a student samples its frames. What a
quantised run stores as codes stays codes on disk and becomes floats once, when the SavedModel is loaded. A LiteRT file
takes the frames of one video that its model reads.

Each comes with a model card: sources, lineage, data, metrics, sizes, checksums. --verify compares the files with it.
Over budget, the command fails and writes nothing; of a SavedModel and a LiteRT file it writes both or none.
yt8m_distill.bin.ensemble exports several runs as one.
"""

import os

from absl import flags

from yt8m_distill.bin import command, export_flags, flag_groups
from yt8m_distill.errors import InputError
from yt8m_distill.export.model_card import CARD, verify_card
from yt8m_distill.written_aside import require_replaceable

FLAGS = flags.FLAGS

flag_groups.define_checkpoint_flag()
flag_groups.define_use_ema_flag()
export_flags.define_export_flags()
flags.DEFINE_string("litert_file", None, "FILE.tflite to write, besides --output_dir or instead of it.")
flags.DEFINE_enum("litert_kind", "int8", ["int8", "float16", "float32"], "How a LiteRT file stores weights.")
flag_groups.define_reading_flags()
flags.DEFINE_boolean("overwrite", False, "Replace what --output_dir and --litert_file hold.")
flags.DEFINE_string("verify", None, "An export (folder or .tflite file) to compare with its model card; nothing else.")


def main(arguments):
    """Exports the run in the forms asked for, or verifies an export."""
    command.no_arguments(arguments)
    if FLAGS.verify:
        _verify()
        return
    if not (FLAGS.output_dir or FLAGS.litert_file):
        raise InputError("--output_dir is empty: name the folder to write, such as exports/NeXtVLAD, or --litert_file.")
    flag_groups.require_budget()
    export_flags.require_output_for_evaluation()
    export_flags.require_outside_output("litert_file")
    if FLAGS.output_dir:
        require_replaceable(os.path.normpath(FLAGS.output_dir), CARD, FLAGS.overwrite)
    command.import_tensorflow()

    from yt8m_distill.run_config import find_run

    run = find_run(FLAGS.checkpoint, FLAGS.use_ema)
    evaluate = export_flags.evaluation(run.config.features)
    if not FLAGS.litert_file:
        _export_saved_model(run, evaluate)
    else:
        _export_litert(run, (lambda: _export_saved_model(run, evaluate)) if FLAGS.output_dir else None)


def _export_saved_model(run, evaluate):
    from yt8m_distill.export.exported_runs import export_runs

    exported = export_runs(
        [run],
        FLAGS.output_dir,
        form=FLAGS.form,
        evaluate=evaluate,
        top_k=FLAGS.top_k,
        budget_mib=FLAGS.size_budget_mb,
        overwrite=FLAGS.overwrite,
    )
    print(f"{FLAGS.output_dir}: {exported.size.summary()}")
    print(f"largest tensors:\n{exported.size.table()}")
    print(f"largest difference to the run's own predictions on random frames: {exported.difference:.1e}")
    print(exported.gpu)
    export_flags.print_evaluation(exported.evaluation)
    print(f"model card: {exported.card}", flush=True)


def _export_litert(run, also):
    from yt8m_distill.export.exported_runs import export_run_litert

    options = {"budget_mib": FLAGS.size_budget_mb, "overwrite": FLAGS.overwrite}
    report, card = export_run_litert(run, FLAGS.litert_file, also=also, kind=FLAGS.litert_kind, **options)
    print(f"{FLAGS.litert_file}: {report.summary()}\nmodel card: {card}")


def _verify():
    card = verify_card(FLAGS.verify)
    print(f"{FLAGS.verify}: {len(card['files'])} files with {card['bytes']:,} bytes are as its model card says")


def run():
    """Entry point of `yt8m-export`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
