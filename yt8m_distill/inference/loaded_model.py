"""What evaluation and inference take as --checkpoint: a run, a checkpoint in it, or an export."""

import dataclasses
import typing

from yt8m_distill.errors import InputError
from yt8m_distill.inference.served_model import holds_export, load_served
from yt8m_distill.run_config import find_run, restore_model
from yt8m_distill.spec import FeatureSpec


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model that predicts, and where it comes from.

    Attributes:
      model: callable: inputs, training=False -> {"predictions"}.
      spec: FeatureSpec of the records that it is given.
      title: what it is, for people.
      directory: of the run or export; evaluations are written to its eval/.
      checkpoint: the checkpoint, or the export's folder.
      step: training step, "export" for an export.
      use_ema: whether these are averaged weights of a run.
    """

    model: typing.Any
    spec: FeatureSpec
    title: str
    directory: str
    checkpoint: str
    step: int | str
    use_ema: bool = False


def load_model(path, use_ema=False):
    """Loads what --checkpoint names.

    Raises:
      InputError: see `find_run`, `restore_model` and `load_served`; --use_ema of an export.
    """
    if not holds_export(path):
        return load_run(find_run(path, use_ema))
    if use_ema:
        raise InputError(f"{path} is an export and has one set of weights: leave out --use_ema.")
    model, spec = load_served(path)
    return LoadedModel(model, spec, f"export {path}", path, path, "export")


def load_run(run):
    """Restores a run."""
    title = f"{run.config.model.name}, step {run.step}{', averaged weights' if run.use_ema else ''}"
    model = restore_model(run)
    return LoadedModel(model, run.config.features, title, run.directory, run.checkpoint, run.step, run.use_ema)
