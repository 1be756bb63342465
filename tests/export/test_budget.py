import dataclasses
import re

import numpy as np
import pytest
from made_runs import FRAME

from yt8m_distill.compression.policy import Policy, store
from yt8m_distill.compression.size_advice import advice
from yt8m_distill.errors import InputError
from yt8m_distill.export.budget import MIB, TensorSize, measure, require_fit
from yt8m_distill.export.members import Member
from yt8m_distill.hyperparameters import registry
from yt8m_distill.stored_weights import Codebook, Plain

RANDOM = np.random.default_rng(0)
MEMBER = Member(
    registry.model_config("FrameLevelLogistic"),
    FRAME,
    {
        "small": Plain(np.zeros((3, 4), np.float32)),
        "large": Plain(np.zeros((200, 250), np.float32)),
        "coded": Codebook(np.zeros((300, 100), np.uint8), np.zeros(256, np.float32)),
        "count": Plain(np.zeros((7,), np.int64)),
    },
    name="A",
)


def _report(directory, size, budget_mib, members=(MEMBER,)):
    (directory / "variables").mkdir()
    (directory / "saved_model.pb").write_bytes(bytes(1000))
    (directory / "variables" / "data").write_bytes(bytes(size - 1000))
    return measure(directory, members, budget_mib)


def test_every_file_counts_and_tensors_count_as_they_lie_on_disk(tmp_path):
    report = _report(tmp_path, 300_000, 1)
    assert report.total == 300_000
    assert report.tensors == (
        TensorSize("large", (200, 250), "float32", 200_000),
        TensorSize("coded", (300, 100), "8 bits", 31_024),
        TensorSize("count", (7,), "int64", 56),
        TensorSize("small", (3, 4), "float32", 48),
    )
    assert report.members == (("A", 231_128),)


def test_a_budget_is_in_mebibytes_and_may_be_used_up(tmp_path):
    report = _report(tmp_path, MIB, 1)
    assert report.fits
    require_fit(report, [MEMBER])


def test_one_byte_too_many_is_over_budget(tmp_path):
    report = _report(tmp_path, MIB + 1, 1)
    assert not report.fits
    with pytest.raises(InputError, match=r", 1 bytes too many\."):
        require_fit(report, [MEMBER])
    with pytest.raises(InputError, match=r"over budget: .*large \(float32, 0\.2 MB\).*--size_budget_mb"):
        require_fit(report, [MEMBER])


@pytest.mark.parametrize(("excess", "verdicts"), [(100_000, ["fit", "fit"]), (160_000, ["not", "fit"])])
def test_it_says_what_a_step_down_would_save(excess, verdicts, tmp_path):
    report = _report(tmp_path, MIB + excess, 1)
    with pytest.raises(InputError) as raised:
        require_fit(report, [MEMBER])
    eight, four = (
        r"8 bits would save 0.1 MB, which would" + {"fit": " fit", "not": " not be enough"}[verdicts[0]],
        r"4 bits would save 0.2 MB, which would" + {"fit": " fit", "not": " not be enough"}[verdicts[1]],
    )
    assert eight in str(raised.value)
    assert four in str(raised.value)


def _size(weights, method, min_elements):
    methods = Policy(method, min_elements).methods(weights)
    return sum(store(name, array, methods[name]).num_bytes for name, array in weights.items())


@pytest.mark.parametrize(
    ("shapes", "min_elements"),
    [([(200, 100)] * 10, 17_000), ([(3, 3)] * 9 + [(341,), (25, 20), (60, 50)], 5), ([(20, 10)] * 2, 10)],
)
def test_what_is_said_to_fit_fits(shapes, min_elements):
    """To the byte, codebooks and all, and without weights that would grow."""
    weights = {f"w{n}": RANDOM.normal(size=shape).astype(np.float32) for n, shape in enumerate(shapes)}
    tensors = {name: Plain(array) for name, array in weights.items()} | {"steps": Plain(np.zeros(10**5, np.int64))}
    before, said = _size(weights, "none", min_elements), []
    for bits, method in ((8, "uniform"), (4, "uniform4")):
        pattern = rf"{bits} bits(?: with --min_elements=(\d+))? would save [\d.]+ MB, (which would .*?)\."
        if not (found := re.search(pattern, advice(tensors, 1, min_elements))):
            continue
        said.append(bits)
        saved = before - _size(weights, method, int(found[1] or min_elements))
        for excess, verdict in ((saved, "which would fit"), (saved + 1, "which would not be enough")):
            assert re.search(pattern, advice(tensors, excess, min_elements))[2] == verdict
    assert said == ([4] if max(array.size for array in weights.values()) < 342 else [8, 4])


def test_the_graph_of_codes_counts_in_an_export(tmp_path):
    saved = 200_000 - 51_024
    report = _report(tmp_path, MIB + saved, 1)
    with pytest.raises(InputError, match=r"8 bits would save 0\.1 MB, which would not be enough"):
        require_fit(report, [MEMBER])


def test_the_summary_gives_both_units(tmp_path):
    summary = _report(tmp_path, 2_000_000, 2.5).summary()
    assert summary == "2.0 MB (1.9 MiB), 76.3% of the budget of 2.6 MB (2.5 MiB)"


def test_the_table_lists_the_largest_tensors(tmp_path):
    lines = _report(tmp_path, 400_000, 1).table(rows=2).splitlines()
    assert [line.split()[-2:] for line in lines] == [["200x250", "large"], ["300x100", "coded"]]
    assert "50.0%" in lines[0]
    assert "8 bits" in lines[1]


def test_tensors_of_several_members_are_told_apart(tmp_path):
    report = _report(tmp_path, 800_000, 1, [MEMBER, dataclasses.replace(MEMBER, name="B")])
    assert [tensor.name for tensor in report.tensors[:2]] == ["0.A/large", "1.B/large"]
    assert [line.split()[-1] for line in report.members_table().splitlines()] == ["A", "B"]
