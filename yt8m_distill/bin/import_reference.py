"""Turns a checkpoint of a reference implementation (TensorFlow 1) into a run directory, and prints its step.

  python -m yt8m_distill.bin.import_reference --model=NeXtVLAD --reference_checkpoint=model.ckpt-12345 \\
      --train_dir=runs/reference

Weights are assigned by their names in google/youtube-8m, linrongc/youtube-8m, WILLOW, skalic and H-RNN; the model's
numbers and the data are given by the same flags as in training. Evaluation, inference, export and further training
take the run like any other.
"""

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_string("reference_checkpoint", None, "Prefix or file of the checkpoint, or a folder (its newest one).")
flags.DEFINE_string("train_dir", None, "The run directory to write; it appears when it is complete.")
flags.DEFINE_string(
    "reference_scope", "tower", "Scope of the variables where they have one; H-RNN's are model and model_student."
)
flags.DEFINE_boolean("use_ema", False, "Take the exponential moving averages that the checkpoint holds.")
flag_groups.define_model_flags()
flag_groups.define_data_flags()
flag_groups.define_training_flags()


def main(arguments):
    """Parses the flags into a RunConfig and writes the run."""
    command.no_arguments(arguments)
    if not FLAGS.train_dir:
        raise InputError("--train_dir is empty: name the run directory to write, such as runs/reference.")
    model = flag_groups.model_config()
    spec = flag_groups.feature_spec(model.level)
    params = flag_groups.training_params()
    command.import_tensorflow()

    from yt8m_distill.run_config import RunConfig
    from yt8m_distill.training.reference_import import import_reference

    prefix = import_reference(
        RunConfig(spec, model, params),
        FLAGS.reference_checkpoint,
        FLAGS.train_dir,
        scope=FLAGS.reference_scope,
        use_ema=FLAGS.use_ema,
    )
    print(f"{model.name}: {FLAGS.reference_checkpoint} -> {prefix}")


def run():
    """Entry point of `yt8m-import-reference`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
