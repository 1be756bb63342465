"""A run directory that is made from other runs rather than trained: quantised or averaged weights."""

import os

from yt8m_distill.errors import InputError
from yt8m_distill.run_config import checkpoint_dir, config_path, load_config, save_config
from yt8m_distill.stored_weights import write_stored
from yt8m_distill.written_aside import folder_aside, require_replaceable


def write_made_run(config, tensors, step, directory, overwrite=False, files=None):
    """Writes config.json and checkpoints/ckpt-STEP, which evaluation, inference and export take like any other run.

    Args:
      config: RunConfig with an origin.
      tensors: {name: stored tensor}, every weight of the model.
      step: training step of the weights.
      directory: it appears when it is complete.
      overwrite: replace an earlier run directory of that name, if it was made too.
      files: {name: text} of further files, such as a report.

    Raises:
      InputError: the directory holds something that may not be replaced.
    """
    require_makeable(directory, overwrite)
    with folder_aside(directory, "config.json", overwrite) as aside:
        os.makedirs(checkpoint_dir(aside))
        name = f"ckpt-{step}"
        write_stored(tensors, os.path.join(checkpoint_dir(aside), name))
        state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
        for other, text in {**(files or {}), "checkpoints/checkpoint": state}.items():
            with open(os.path.join(aside, other), "w", encoding="utf-8") as file:
                file.write(text)
        save_config(config, aside)


def require_makeable(directory, overwrite=False):
    """Raises InputError unless `write_made_run` may write there: to be called before the work."""
    if not directory:
        raise InputError("--output_dir is empty: name the run directory to write, such as runs/NeXtVLAD-8bit.")
    require_replaceable(directory, "config.json", overwrite)
    if os.path.exists(config_path(directory)) and not load_config(directory).origin:
        raise InputError(f"{directory} is a run that was trained: --overwrite leaves it. Give another --output_dir.")
