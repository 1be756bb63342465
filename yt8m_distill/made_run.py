"""A run directory that is made from other runs rather than trained: quantised or averaged weights."""

import os

from yt8m_distill.run_config import checkpoint_dir, save_config
from yt8m_distill.stored_weights import write_stored
from yt8m_distill.written_aside import folder_aside


def write_made_run(config, tensors, step, directory, overwrite=False, files=None):
    """Writes config.json and checkpoints/ckpt-STEP, which evaluation, inference and export take like any other run.

    Args:
      config: RunConfig with an origin.
      tensors: {name: stored tensor}, every weight of the model.
      step: training step of the weights.
      directory: it appears when it is complete.
      overwrite: replace an earlier run directory of that name.
      files: {name: text} of further files, such as a report.

    Raises:
      InputError: the directory holds something that may not be replaced.
    """
    import tensorflow as tf

    with folder_aside(directory, "config.json", overwrite) as aside:
        os.makedirs(checkpoint_dir(aside))
        name = f"ckpt-{step}"
        write_stored(tensors, os.path.join(checkpoint_dir(aside), name))
        tf.compat.v1.train.update_checkpoint_state(checkpoint_dir(aside), name, [name])
        for other, text in (files or {}).items():
            with open(os.path.join(aside, other), "w", encoding="utf-8") as file:
                file.write(text)
        save_config(config, aside)
