"""A run directory that is made from other runs rather than trained: quantised or averaged weights."""

import os

from yt8m_distill.errors import InputError
from yt8m_distill.run_config import checkpoint_dir, config_path, load_config, save_config, split_checkpoint
from yt8m_distill.stored_weights import write_stored
from yt8m_distill.written_aside import folder_aside, require_replaceable


def write_made_run(config, tensors, step, directory, overwrite=False, files=None):
    """Writes config.json and checkpoints/ckpt-STEP, which evaluation, inference and export take like any other run.

    Args:
      config: RunConfig with an origin.
      tensors: {name: stored tensor}, every weight of the model.
      step: training step of the weights.
      directory: it appears when it is complete.
      overwrite: replace an earlier run directory of that name, if the same command made it.
      files: {name: text} of further files, such as a report.

    Raises:
      InputError: the directory holds something that may not be replaced.
    """
    origin = config.origin
    sources = [split_checkpoint(source.path)[0] for source in origin.sources]
    require_makeable(directory, origin.command, sources, overwrite)
    with folder_aside(directory, "config.json", overwrite) as aside:
        os.makedirs(checkpoint_dir(aside))
        name = f"ckpt-{step}"
        write_stored(tensors, os.path.join(checkpoint_dir(aside), name))
        state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
        for other, text in {**(files or {}), "checkpoints/checkpoint": state}.items():
            with open(os.path.join(aside, other), "w", encoding="utf-8") as file:
                file.write(text)
        save_config(config, aside)


def require_makeable(directory, command, sources, overwrite=False):
    """Raises InputError unless `write_made_run` may write there: to be called before the work.

    Args:
      directory: the run directory to write.
      command: what makes it, as its origin will say.
      sources: the run directories that it is made from, which it may neither be nor hold.
      overwrite: see `write_made_run`.
    """
    if not directory:
        raise InputError("--output_dir is empty: name the run directory to write, such as runs/NeXtVLAD-8bit.")
    for source in sources:
        if _holds(directory, source):
            raise InputError(
                f"--output_dir={directory} is, or holds, {source}, which is read: give another --output_dir."
            )
    require_replaceable(directory, "config.json", overwrite)
    if not os.path.exists(config_path(directory)):
        return
    origin = load_config(directory).origin
    if not origin or origin.command != command:
        raise InputError(
            f"{directory} is a run that {origin.command + ' made' if origin else 'was trained'}: --overwrite of "
            f"{command} leaves it. Give another --output_dir."
        )


def require_unquantized(run, instead):
    """Raises InputError for a run of codes: its weights are rounded; `instead` is what to do with what it is of."""
    origin = run.config.origin
    if origin and origin.command == "quantize":
        raise InputError(
            f"{run.directory} is quantised, and rounded weights are no good start: {instead} the run that it was made "
            f"from instead, {origin.sources[0].path}."
        )


def _holds(directory, other):
    """Whether they are one directory, or the second lies in the first."""
    directory, other = os.path.realpath(directory), os.path.realpath(other)
    return os.path.commonpath([directory, other]) == directory
