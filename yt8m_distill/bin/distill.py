"""Trains a student that sees few frames, from teachers that see all; the same command resumes a run that was stopped.

  python -m yt8m_distill.bin.distill --flagfile=flags/distill/serial-k30.flags --teacher=runs/NeXtVLAD \\
      --train_data_pattern='data/train*.tfrecord' --train_dir=runs/NeXtVLAD-k30

--teacher names trained runs, --soft_labels a store that tfrecords_tools.soft_labels wrote of them, and --parallel
trains the teacher along with its student. The student has its teacher's model, sizes, features and training (the seed
too) unless flags say otherwise, whatever defaults stand below. Its run is one like any other: evaluation, inference and
export read what the student sees. Its config.json names the teachers and their checksums.
"""

import dataclasses
import math
import os

from absl import flags

from yt8m_distill.bin import command, flag_groups, train
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import Distillation, JointTeacher, Teacher

FLAGS = flags.FLAGS

flags.DEFINE_list("teacher", [], "Trained runs (RUN or RUN/checkpoints/ckpt-STEP), separated by commas.")
flags.DEFINE_list("teacher_weights", [], "Weight (mu) of each --teacher in the target (default: all the same).")
flags.DEFINE_string("soft_labels", None, "Store of predictions to learn from, instead of running the teachers.")
flag_groups.define_distillation_flags()


def main(arguments):
    """Parses the flags into a student's RunConfig, prepares the run directory and trains."""
    command.no_arguments(arguments)
    if FLAGS.ema_source:
        raise InputError("--ema_source is train.py's: a student's weights are averaged with --ema_half_life, or there.")
    params = flag_groups.distillation_params()
    command.import_tensorflow()

    from yt8m_distill.run_config import RunConfig, find_run

    runs = [find_run(path) for path in FLAGS.teacher]
    teacher = runs[0].config if runs else None
    features = _features(teacher)
    model = _model(teacher, features, params)
    distillation = Distillation(params, _teachers(runs, params), _soft_labels(), _joint_teacher(params, features))
    config = RunConfig(features, model, flag_groups.training_params(teacher and teacher.training), distillation)
    return train.start(config, _run_directory(model, features, runs))


def _run_directory(model, features, runs):
    frames = f"-k{features.sampled_frames}" if features.sampled_frames else ""
    directory = FLAGS.train_dir or os.path.join("runs", f"{model.name}{frames}-student")
    if os.path.realpath(directory) in {os.path.realpath(run.directory) for run in runs}:
        raise InputError(f"--train_dir={directory} is a teacher's own directory: give the student another one.")
    return directory


def _features(teacher):
    """The teacher's FeatureSpec with the data flags that are given; the flags alone without a teacher."""
    if teacher is None:
        return flag_groups.feature_spec(registry.model_config(FLAGS.model).level)
    return flag_groups.feature_spec_like(teacher)


def _model(teacher, features, params):
    """The model of --model, or of the teacher's family, for as many frames as the student sees."""
    given = flag_groups.model_fields()
    config = registry.model_config(FLAGS.model)
    if teacher and (not FLAGS["model"].present or config.name == teacher.model.name):
        config = teacher.model
    if params.parallel:  # the flags are the joint teacher's
        config = registry.with_fields(config, **given)
        return registry.for_frames(config, features.frame_limit) if features.sampled_frames else config
    if features.sampled_frames and "max_num_frames" not in given:
        config = registry.for_frames(config, features.frame_limit)
    return registry.with_fields(config, **given)


def _teachers(runs, params):
    """A Teacher of each run; none where soft labels take their place and the student has a classifier of its own."""

    if FLAGS.soft_labels and params.student_head == "own":
        if FLAGS.teacher_weights:
            raise InputError(
                "--teacher_weights beside --soft_labels: the store was made with those of its own teachers."
            )
        return ()
    weights = FLAGS.teacher_weights or ["1"] * len(runs)
    try:
        numbers = [float(weight) for weight in weights]
    except ValueError:
        numbers = []
    if (
        len(numbers) != len(runs)
        or not all(0 <= number < math.inf for number in numbers)
        or (runs and not sum(numbers) > 0)
    ):
        raise InputError(
            f"--teacher_weights={','.join(weights)}: expected {len(runs)} numbers of at least 0, not all 0, one "
            "for each --teacher."
        )
    return tuple(run.as_teacher(number) for run, number in zip(runs, numbers, strict=True))


def _soft_labels():
    from yt8m_distill.distillation.soft_label_files import store_checksum

    return Teacher(FLAGS.soft_labels, store_checksum(FLAGS.soft_labels)) if FLAGS.soft_labels else None


def _joint_teacher(params, features):
    """The model of the flags on all frames of the video."""
    if not params.parallel:
        return None
    every_frame = dataclasses.replace(features, sampled_frames=0, frame_sampler="uniform")
    return JointTeacher(flag_groups.model_config(), every_frame)


def run():
    """Entry point of `yt8m-distill`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
