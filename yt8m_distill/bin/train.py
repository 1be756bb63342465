"""Trains a model on TFRecords; the same command resumes a run that was stopped.

  python train.py --flagfile=flags/models/NeXtVLAD.flags --train_data_pattern='data/train*.tfrecord' \\
      --train_dir=runs/NeXtVLAD
  python train.py --ema_source=runs/NeXtVLAD --ema_half_life=2000 --train_data_pattern='data/train*.tfrecord'

Writes RUN/config.json, checkpoints/, metrics.csv and tensorboard/. Ctrl-C saves a checkpoint first.

With --ema_half_life or --ema_decay checkpoints hold a moving average of weights and batch norm statistics, too, which
other commands take with --use_ema. --ema_source goes on from a finished run, a student's too, with labels alone: its
model, data and training numbers at a constant learning rate, a fifth of its last one (of a cosine: of its first),
unless --base_learning_rate is given. Steps and optimizer start anew, in RUN-ema.
"""

import os
import sys

from absl import flags

from yt8m_distill.bin import averaging_config, command, flag_groups

FLAGS = flags.FLAGS

flags.DEFINE_string("train_data_pattern", None, "TFRecord files to train on: globs, separated by commas.")
flags.DEFINE_string("eval_data_pattern", None, "TFRecord files to evaluate on after every epoch, if any.")
flags.DEFINE_string("train_dir", None, "The run directory (default: runs/MODEL).")
flags.DEFINE_string(
    "ema_source", None, "Start from this finished run (RUN or RUN/checkpoints/ckpt-STEP), to average it."
)
flags.DEFINE_boolean("start_new_model", False, "Delete the run in --train_dir, after a question, and start a new one.")
flags.DEFINE_boolean("overwrite", False, "With no question: what --start_new_model does.")
flag_groups.define_model_flags()
flag_groups.define_data_flags()
flag_groups.define_training_flags()


def main(arguments):
    """Parses the flags into a RunConfig, prepares the run directory and trains."""
    command.no_arguments(arguments)
    return start(*(averaging_config.averaging_config() if FLAGS.ema_source else _described()))


def _described():
    """(RunConfig, run directory) of the flags."""
    model = flag_groups.model_config()
    spec = flag_groups.feature_spec(model.level)
    params = flag_groups.training_params()
    command.import_tensorflow()

    from yt8m_distill.run_config import RunConfig

    return RunConfig(spec, model, params), FLAGS.train_dir or os.path.join("runs", model.name)


def start(config, run_dir):
    """Starts, or goes on with, the run that `config` and the flags describe; returns the exit status."""
    from yt8m_distill.data.record_checks import check_first_record
    from yt8m_distill.data.shards import find_shards
    from yt8m_distill.training.run_directory import prepare

    shards = find_shards(FLAGS.train_data_pattern, "--train_data_pattern")
    eval_shards = find_shards(FLAGS.eval_data_pattern, "--eval_data_pattern") if FLAGS.eval_data_pattern else []
    for shard in shards[:1] + eval_shards[:1]:
        check_first_record(shard, config.features)
    if FLAGS.overwrite or FLAGS.start_new_model:
        _require_model(config)
    ask = None if FLAGS.overwrite else _confirm
    for change in prepare(config, run_dir, start_new_model=FLAGS.start_new_model or FLAGS.overwrite, confirm=ask):
        print(f"changed since the run was started: {change}")
    return _train(config, run_dir, shards, eval_shards)


def _require_model(config):
    """Raises what is wrong with the model, or with a student's teachers, while an earlier run is still there."""
    import keras

    from yt8m_distill.training.distilling import make_student
    from yt8m_distill.training.objective import make_learner

    (make_student if config.distillation else make_learner)(config)
    keras.backend.clear_session()  # names count from the start again


def _train(config, run_dir, shards, eval_shards):
    from yt8m_distill.bin.evaluate_epochs import EvaluateEpochs
    from yt8m_distill.distillation.description import teacher_lines
    from yt8m_distill.training.callbacks import ProgressLine
    from yt8m_distill.training.loop import TrainingLoop

    callbacks = [ProgressLine(config.training.num_epochs)]
    if eval_shards:
        batch_size, data = config.training.batch_size, FLAGS.eval_data_pattern
        callbacks.append(EvaluateEpochs(config.features, eval_shards, run_dir, batch_size, data))
    loop = TrainingLoop(config, run_dir, shards, callbacks)
    weights = sum(variable.value.shape.num_elements() for variable in loop.model.trainable_variables)
    print(f"{config.model.name}: {weights:,} trainable weights, {len(shards)} shards, {loop.total_steps or '?'} steps")
    if config.distillation:
        print("\n".join(teacher_lines(config, shards, loop.objective.store)))
    print(f"resumes {loop.resumed_from} (step {loop.step})" if loop.resumed_from else f"starts a new run in {run_dir}")
    checkpoint = loop.run()
    if loop.finished:
        print(f"finished at step {loop.step}: {checkpoint}")
        return 0
    print(f"stopped at step {loop.step}: {checkpoint}; the same command goes on from here")
    return 130


def _confirm(question):
    if not sys.stdin.isatty():
        print(f"{question} No terminal to ask on: pass --overwrite to say yes.", file=sys.stderr)
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def run():
    """Entry point of `yt8m-train` and train.py."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
