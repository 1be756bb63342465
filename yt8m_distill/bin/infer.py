"""Writes a Kaggle submission: the best classes of every video, or the best segments of every class.

  python inference.py --checkpoint=runs/NeXtVLAD --input_data_pattern='data/test*.tfrecord' \\
      --output_file=submission.csv --top_k=20
  python inference.py --checkpoint=runs/NeXtVLAD --input_data_pattern='data/test*.tfrecord' \\
      --output_file=segments.csv --segment_labels --segment_label_ids_file=segment_label_ids.csv

--checkpoint is a run, or an export. The file appears when it is complete.
"""

import dataclasses
import time

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flag_groups.define_checkpoint_flag()
flag_groups.define_use_ema_flag()
flags.DEFINE_string("input_data_pattern", None, "TFRecord files to read: globs, separated by commas.")
flags.DEFINE_string("output_file", None, "The CSV to write.")
flags.DEFINE_integer("top_k", 20, "Classes written of each video (of each segment: considered).", lower_bound=1)
flag_groups.define_reading_flags()
flags.DEFINE_boolean("segment_labels", False, "Cut videos into 5-second segments and write Class,Segments.")
flags.DEFINE_string("segment_label_ids_file", None, "CSV with a column Index: the classes of the segment submission.")
flags.DEFINE_integer("segment_max_pred", 100_000, "Segments written of each class.", lower_bound=1)


def main(arguments):
    """Restores the model of a run and writes the submission."""
    command.no_arguments(arguments)
    if not FLAGS.output_file:
        raise InputError("--output_file is empty: name the CSV to write, such as submission.csv.")
    if FLAGS.segment_labels and not FLAGS.segment_label_ids_file:
        raise InputError("--segment_labels needs --segment_label_ids_file: a CSV with a column Index.")
    command.import_tensorflow()

    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.inference.loaded_model import load_model

    shards = find_shards(FLAGS.input_data_pattern, "--input_data_pattern")
    loaded = load_model(FLAGS.checkpoint, FLAGS.use_ema)
    spec = loaded.spec
    if spec.level == "segment":
        spec = dataclasses.replace(spec, level="frame")
    check_first_record(shards[0], spec, labelled=False)
    begin = time.monotonic()
    videos = _write(loaded.model, spec, shards)
    seconds = time.monotonic() - begin
    print(f"{loaded.checkpoint}: {videos:,} videos in {seconds:.1f} s ({videos / seconds:,.0f} videos/s)")
    print(f"written to {FLAGS.output_file}")


def _write(model, spec, shards):
    from yt8m_distill.inference.segments import read_whitelist
    from yt8m_distill.inference.submit import write_segment_submission, write_video_submission

    reading = flag_groups.reading_options()
    if not FLAGS.segment_labels:
        return write_video_submission(model, spec, shards, FLAGS.output_file, top_k=FLAGS.top_k, **reading)
    if not spec.has_frames:
        raise InputError("--segment_labels needs a frame-level model: a video's mean has no segments.")
    whitelist = read_whitelist(FLAGS.segment_label_ids_file)
    return write_segment_submission(
        model,
        spec,
        shards,
        FLAGS.output_file,
        whitelist,
        top_k=FLAGS.top_k,
        max_per_class=FLAGS.segment_max_pred,
        **reading,
    )


def run():
    """Entry point of `yt8m-inference` and inference.py."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
