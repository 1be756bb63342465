"""Exports a run as a SavedModel that needs TensorFlow alone, and checks it against a size budget.

  python -m yt8m_distill.bin.export --checkpoint=runs/NeXtVLAD --output_dir=exports/NeXtVLAD

Signatures: serving_default (serialized records -> video_id, class_indexes, predictions) and features (uint8 rgb and
audio, num_frames -> predictions, representation); both take whole videos, of which a student samples its frames. What a
quantised run stores as codes stays codes on disk and becomes floats once, when the SavedModel is loaded. Over budget,
the command fails and writes nothing. yt8m_distill.bin.ensemble exports several runs as one.
"""

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flag_groups.define_checkpoint_flag()
flag_groups.define_use_ema_flag()
flags.DEFINE_string("output_dir", None, "Folder of the SavedModel; it appears when it is complete.")
flags.DEFINE_integer("top_k", 20, "Classes that serving_default returns of each video.", lower_bound=1)
flags.DEFINE_float("size_budget_mb", 1024.0, "Largest size in MiB (2**20 bytes); 1024 is one gigabyte.")
flags.DEFINE_boolean("overwrite", False, "Replace what --output_dir holds.")


def main(arguments):
    """Restores the model of a run, exports it, and prints its size."""
    command.no_arguments(arguments)
    if not FLAGS.output_dir:
        raise InputError("--output_dir is empty: name the folder to write, such as exports/NeXtVLAD.")
    command.import_tensorflow()

    from yt8m_distill.export.members import member_of
    from yt8m_distill.export.saved_model import export_members
    from yt8m_distill.run_config import find_run

    report, difference = export_members(
        [member_of(find_run(FLAGS.checkpoint, FLAGS.use_ema))],
        FLAGS.output_dir,
        top_k=FLAGS.top_k,
        budget_mib=FLAGS.size_budget_mb,
        overwrite=FLAGS.overwrite,
    )
    print(f"{FLAGS.output_dir}: {report.summary()}")
    print(f"largest tensors:\n{report.table()}")
    print(f"largest difference to the run's own predictions on random frames: {difference:.1e}")


def run():
    """Entry point of `yt8m-export`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
