"""Members of an ensemble are told apart by what they predict and by name, in its report and in its file of weights."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from made_runs import FRAME, make_config

from yt8m_distill.compression.nested_search import Score
from yt8m_distill.errors import InputError
from yt8m_distill.experiments import ensemble_candidates, plots
from yt8m_distill.experiments.ensemble_candidates import candidates_of
from yt8m_distill.experiments.ensemble_report import EnsembleReport
from yt8m_distill.experiments.ensemble_weights import read_weights
from yt8m_distill.run_config import Run

SCORE = Score(40, 1.0, (0.5, 0.6), 0.61, 0.62, np.array([0.02, 0.12]))


@pytest.fixture(autouse=True)
def size(monkeypatch):
    monkeypatch.setattr(ensemble_candidates, "stored_bytes", lambda run: 100 * run.step)


@pytest.fixture
def run(tmp_path):
    """A function of a directory, a step and numbers of the FeatureSpec to a Run; the weights are those of the step."""

    def made(directory, step=7, **numbers):
        folder = tmp_path / directory
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        prefix = folder / "checkpoints" / f"ckpt-{step}"
        for part in (".index", ".data-00000-of-00001"):
            pathlib.Path(f"{prefix}{part}").write_text(f"{step} {part}")
        spec = dataclasses.replace(FRAME, **numbers)
        return Run(str(folder), make_config("FrameLevelLogistic", spec), str(prefix), step)

    return made


@pytest.fixture
def weights(run, tmp_path):
    """(the file of weights 0.25 and 0.75 of x/V and y/V, these Candidates)."""
    members, path = candidates_of([run("x/V"), run("y/V", 8)]), str(tmp_path / "weights.json")
    search = {"method": "ascend", "data": "held_out*", "folds": 3}
    EnsembleReport(members, (0.25, 0.75), search, SCORE).write(path)
    return path, members


def test_names_are_as_short_as_tells_members_apart(run):
    runs = [run("x/V"), run("y/V", 8), run("W", 9), run("y/x/V", 10), run("U", 10, max_frames=5), run("U", 11)]
    names = [member.name for member in candidates_of(runs)]
    assert names[1:3] + names[4:] == ["y/V", "W", "U@10", "U@11"]
    assert names[0].endswith("/x/V") and names[3] == "y/x/V"
    (alone,) = candidates_of([run("x/V")])
    assert alone.name == "V"


def test_a_checkpoint_is_a_member_twice_where_it_predicts_otherwise(run):
    first, second = candidates_of([run("S", sampled_frames=4), run("S2", sampled_frames=1)])
    assert first.checksum != second.checksum
    with pytest.raises(InputError, match=r"--members names the checkpoint \S+/S3/checkpoints/ckpt-7 twice"):
        candidates_of([run("S", sampled_frames=4), run("S3", sampled_frames=4)])


def test_members_of_one_basename_have_bars_of_their_own(run, monkeypatch):
    drawn = {}
    monkeypatch.setattr(plots, "draw_columns", lambda path, columns: drawn.update(columns))
    EnsembleReport(candidates_of([run("x/V"), run("y/V", 8)]), (0.25, 0.75), {"method": "given"}, SCORE).draw("p.png")
    assert drawn["weight"] == {"x/V (0.0 MB)": 0.25, "y/V (0.0 MB)": 0.75}
    assert drawn["marginal GAP"] == {"x/V (0.0 MB)": 0.02, "y/V (0.0 MB)": 0.12}


def test_weights_are_read_with_the_search_that_found_them(weights):
    path, members = weights
    read, found = read_weights(path, members[::-1])
    assert read == [0.75, 0.25]
    findings = EnsembleReport(members[::-1], tuple(read), found).findings()
    assert "score" not in findings
    search = findings["search"]
    assert (search["method"], search["file"], search["members"]) == ("read", path, ["x/V", "y/V"])
    assert search["search"] == {"method": "ascend", "data": "held_out*", "folds": 3}
    assert (search["score"]["fitted"], search["score"]["own"]) == (0.62, [0.5, 0.6])


def test_weights_of_a_run_that_reads_other_frames_are_refused(weights, run):
    path, members = weights
    changed = candidates_of([run("x/V", sampled_frames=1)])
    with pytest.raises(InputError, match=r"other members .*: none for \S+/x/V/\S+/ckpt-7, and some for \S+/x/V/\S+"):
        read_weights(path, (*changed, members[1]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: [member.pop("checkpoint") for member in content["members"]], "lacks 'checkpoint': expected"),
        (lambda content: content.pop("search"), "lacks 'search': expected what a search of this version writes"),
        (lambda content: content.update(search=None), "holds no weights"),
        (lambda content: content.update(members=3), "holds no weights"),
        (lambda content: [member.update(weight=0) for member in content["members"]], r"\[0\.0, 0\.0\]: expected"),
        (lambda content: content["members"][0].update(weight=-1), r"\[-1\.0, 0\.75\]: expected numbers"),
        (lambda content: content["members"][0].update(weight=float("nan")), r"\[nan, 0\.75\]: expected numbers"),
    ],
)
def test_a_file_of_another_form_is_bad_input(change, said, weights):
    path, members = weights
    content = json.loads(pathlib.Path(path).read_text())
    change(content)
    pathlib.Path(path).write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        read_weights(path, members)
