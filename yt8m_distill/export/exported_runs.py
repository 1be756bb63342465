"""Runs as an export with its model card: a SavedModel of one or several, or a LiteRT file of one."""

import dataclasses
import os

from yt8m_distill.export.budget import SizeReport
from yt8m_distill.export.gpu_check import check_on_gpu
from yt8m_distill.export.litert import export_litert, litert_signatures, require_litert_file
from yt8m_distill.export.members import member_of
from yt8m_distill.export.model_card import (
    bytes_by_kind,
    card_path,
    describe,
    describe_member,
    signatures_of,
    write_card,
)
from yt8m_distill.export.saved_model import export_members
from yt8m_distill.run_config import restore_model


@dataclasses.dataclass(frozen=True)
class Exported:
    """What came of an export.

    Attributes:
      size: its SizeReport.
      difference: largest difference of its predictions to the runs' own.
      gpu: a line: memory and time on a GPU, or that none is visible.
      evaluation: what `evaluate` returned, or None.
      card: path of its model card.
    """

    size: SizeReport
    difference: float
    gpu: str
    evaluation: dict | None
    card: str


def export_runs(runs, directory, *, weights=(1.0,), evaluate=None, more=None, **options):
    """Writes a SavedModel of runs, tries it on a GPU where there is one, and writes its model card into it.

    Args:
      runs: Runs.
      directory: folder to write; it appears when everything is well.
      weights: share of each run in the predictions.
      evaluate: function of the export's folder, before it has its name, to a dict for the card.
      more: dict for JSON, further parts of the card.
      **options: of `export_members`: top_k, budget_mib, overwrite, form.

    Returns:
      Exported.

    Raises:
      InputError: see `export_members`.
    """
    names = _distinct([run.config.model.name for run in runs])
    members = [member_of(run, weight, name) for run, weight, name in zip(runs, weights, names, strict=True)]
    described = [
        describe_member(run, member.name, member.weight, bytes_by_kind(member.tensors))
        for run, member in zip(runs, members, strict=True)
    ]
    found = {}

    def finish(aside, source, difference):
        gpu, found["gpu"] = check_on_gpu(aside, source)
        found["evaluation"] = evaluate(aside) if evaluate else None
        parts = {"gpu": gpu and dataclasses.asdict(gpu), "evaluation": found["evaluation"], **(more or {})}
        write_card(describe(described, signatures_of(aside), largest_difference=difference, **parts), aside)

    size, difference = export_members(members, directory, finish=finish, **options)
    return Exported(size, difference, found["gpu"], found["evaluation"], card_path(directory))


def export_run_litert(run, path, *, also=None, overwrite=False, **options):
    """Writes a LiteRT file of a run, and its model card beside it.

    Args:
      run: Run.
      path: `.tflite` file to write.
      also: function without arguments that makes what is to come with the file: where it raises, there is neither.
      overwrite: replace an earlier file and its card.
      **options: of `export_litert`: kind, budget_mib.

    Returns:
      (LiteRTReport, path of the card).

    Raises:
      InputError: see `export_litert`.
    """
    model, spec = restore_model(run), run.config.features

    def finish(report, aside):
        if also:
            also()
        require_litert_file(path, overwrite)  # what appeared during the work is not overwritten
        member = describe_member(run, run.config.model.name, 1.0, {report.kind: report.num_bytes})
        card = describe([member], litert_signatures(spec), litert=dataclasses.asdict(report))
        write_card(card, path, {os.path.basename(path): aside})

    return export_litert(model, spec, path, overwrite=overwrite, finish=finish, **options), card_path(path)


def _distinct(names):
    """The names, with a number where one comes more than once."""
    return [f"{name}_{place}" if names.count(name) > 1 else name for place, name in enumerate(names)]
