"""Flags of the commands that write a SavedModel, and its evaluation for the card."""

import os

from absl import flags

from yt8m_distill.bin import flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS
# What is defined here belongs to the command that asks for it: --help lists a command's own flags first.
flags.disclaim_key_flags()


def define_export_flags():
    """--output_dir, --form, --top_k, --size_budget_mb and --eval_data_pattern, without the flags of reading."""
    flags.DEFINE_string("output_dir", None, "Folder of the SavedModel; it appears when it is complete.")
    flags.DEFINE_enum(
        "form",
        "records",
        ["records", "mediapipe"],
        "What serving_default takes: serialized records or MediaPipe's floats.",
    )
    flags.DEFINE_integer("top_k", 20, "Classes that serving_default returns of each video.", lower_bound=1)
    flags.DEFINE_float("size_budget_mb", 1024.0, "Largest size in MiB (2**20 bytes); 1024 is one gigabyte.")
    flags.DEFINE_string("eval_data_pattern", None, "Labelled TFRecord files: evaluate the SavedModel, for its card.")


def require_output_for_evaluation():
    """Raises InputError where an evaluation is asked for and no SavedModel."""
    if FLAGS.eval_data_pattern and not FLAGS.output_dir:
        raise InputError("--eval_data_pattern evaluates a SavedModel: give --output_dir too.")


def require_outside_output(*names):
    """Raises InputError where the file of one of these flags lies in --output_dir.

    An export replaces that folder as a whole, and with it what else was written there.
    """
    if not FLAGS.output_dir:
        return
    folder = os.path.realpath(FLAGS.output_dir)
    for name in names:
        path = FLAGS[name].value or ""
        entry = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        # What is written takes the place of a link, what is read lies where it leads.
        if path and any(os.path.commonpath([folder, place]) == folder for place in (entry, os.path.realpath(path))):
            raise InputError(
                f"--{name}={path} lies in --output_dir={FLAGS.output_dir}, which the export replaces as a whole: give "
                "a file outside of it."
            )


def evaluation(spec):
    """A function of an export's folder to its results on --eval_data_pattern, with the name of the data; None without.

    Args:
      spec: FeatureSpec of the records.

    Raises:
      InputError: there are no records, or none of this spec.
    """
    if not FLAGS.eval_data_pattern:
        return None

    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.evaluate import evaluate
    from yt8m_distill.inference.served_model import load_served

    shards = find_shards(FLAGS.eval_data_pattern, "--eval_data_pattern")
    check_first_record(shards[0], spec)

    def results(folder):
        model, spec = load_served(folder)
        return {"data": FLAGS.eval_data_pattern, **evaluate(model, spec, shards, **flag_groups.reading_options())[0]}

    return results


def print_evaluation(results):
    """A line, where there are results of `evaluation`."""
    if results:
        print("GAP@20 {gap:.4f}, mAP {map:.4f} on {examples:,} examples of {data}".format(**results))
