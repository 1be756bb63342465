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
Over budget, the command fails and writes nothing. yt8m_distill.bin.ensemble exports several runs as one.
"""

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flag_groups.define_checkpoint_flag()
flag_groups.define_use_ema_flag()
flags.DEFINE_string("output_dir", None, "Folder of the SavedModel; it appears when it is complete.")
flags.DEFINE_enum(
    "form", "records", ["records", "mediapipe"], "What serving_default takes: serialized records or MediaPipe's floats."
)
flags.DEFINE_string("litert_file", None, "FILE.tflite to write, besides --output_dir or instead of it.")
flags.DEFINE_enum("litert_kind", "int8", ["int8", "float16", "float32"], "How a LiteRT file stores weights.")
flags.DEFINE_integer("top_k", 20, "Classes that serving_default returns of each video.", lower_bound=1)
flags.DEFINE_float("size_budget_mb", 1024.0, "Largest size in MiB (2**20 bytes); 1024 is one gigabyte.")
flags.DEFINE_string("eval_data_pattern", None, "Labelled TFRecord files: evaluate the SavedModel, for its card.")
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
    if FLAGS.eval_data_pattern and not FLAGS.output_dir:
        raise InputError("--eval_data_pattern evaluates a SavedModel: give --output_dir too.")
    command.import_tensorflow()

    from yt8m_distill.run_config import find_run

    run = find_run(FLAGS.checkpoint, FLAGS.use_ema)
    if FLAGS.litert_file:
        from yt8m_distill.export.litert import require_litert_file

        require_litert_file(FLAGS.litert_file, FLAGS.overwrite)
    if FLAGS.output_dir:
        _export_saved_model(run)
    if FLAGS.litert_file:
        _export_litert(run)


def _export_saved_model(run):
    from yt8m_distill.export.exported_runs import export_runs

    exported = export_runs(
        [run],
        FLAGS.output_dir,
        form=FLAGS.form,
        evaluate=_evaluation(run) if FLAGS.eval_data_pattern else None,
        top_k=FLAGS.top_k,
        budget_mib=FLAGS.size_budget_mb,
        overwrite=FLAGS.overwrite,
    )
    print(f"{FLAGS.output_dir}: {exported.size.summary()}")
    print(f"largest tensors:\n{exported.size.table()}")
    print(f"largest difference to the run's own predictions on random frames: {exported.difference:.1e}")
    print(exported.gpu)
    if exported.evaluation:
        print("GAP@20 {gap:.4f}, mAP {map:.4f} on {examples:,} examples of {data}".format(**exported.evaluation))
    print(f"model card: {exported.card}", flush=True)


def _evaluation(run):
    """A function of an export's folder to its results on --eval_data_pattern, with the name of the data."""
    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.evaluate import evaluate
    from yt8m_distill.inference.served_model import load_served

    shards = find_shards(FLAGS.eval_data_pattern, "--eval_data_pattern")
    check_first_record(shards[0], run.config.features)

    def results(folder):
        model, spec = load_served(folder)
        return {"data": FLAGS.eval_data_pattern, **evaluate(model, spec, shards, **flag_groups.reading_options())[0]}

    return results


def _export_litert(run):
    from yt8m_distill.export.exported_runs import export_run_litert

    options = {"budget_mib": FLAGS.size_budget_mb, "overwrite": FLAGS.overwrite}
    report, card = export_run_litert(run, FLAGS.litert_file, kind=FLAGS.litert_kind, **options)
    print(f"{FLAGS.litert_file}: {report.summary()}\nmodel card: {card}")


def _verify():
    from yt8m_distill.export.model_card import verify_card

    card = verify_card(FLAGS.verify)
    print(f"{FLAGS.verify}: {len(card['files'])} files with {card['bytes']:,} bytes are as its model card says")


def run():
    """Entry point of `yt8m-export`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
