import pytest
from made_results import FRAMES, VIDEOS, MadeUpRunner

from yt8m_distill.experiments.claims import FAILS, HOLDS
from yt8m_distill.experiments.size_constrained import PUBLISHED, table3

SEEDS = [0, 1, 2]


def gains(plan):
    return 0.3 + 0.005 * ("-hard-" not in plan.name)


def test_models_of_the_papers_families_stand_beside_the_papers():
    table = table3(FRAMES, MadeUpRunner(gains), SEEDS)
    lines = {row[0]: row for row in table.rows}
    ours = ["DBoF1", "0.3050 (0)", "0.3000 (0)", "0.0050 (0)", "0.0050 (0)", ""]
    assert lines["DBoF1"] == [*ours, "|", "DBoF1", "0.8720", "0.8682", "0.0038", "0.0041"]
    assert lines["NetVLAD2"][5] == "0.3050 (0)"  # the second round
    others = [row[7] for row in table.rows[2:] if not row[0]]
    assert others == ["FVNet1", "NetVLAD4", "NetVLAD5", "NetVLAD6"]
    assert [claim.verdict for claim in table.claims] == [HOLDS] * 3
    worse = table3(FRAMES, MadeUpRunner(lambda plan: -gains(plan)), SEEDS)
    assert [claim.verdict for claim in worse.claims] == [FAILS, FAILS, HOLDS]


def test_every_student_learns_from_the_three_models_of_its_family_one_round_before():
    asked = []
    table3(VIDEOS, MadeUpRunner(lambda plan: asked.append(plan) or gains(plan)), [4])
    by_name = {plan.name: plan for plan in asked}
    assert len(by_name) == 15
    soft, second = by_name["HiddenBN2-soft-seed4"], by_name["Hidden2-second-seed4"]
    assert [teacher.name for teacher in soft.teachers] == [f"HiddenBN{n}-hard-seed4" for n in (1, 2, 3)]
    assert [teacher.name for teacher in second.teachers] == [f"Hidden{n}-soft-seed4" for n in (1, 2, 3)]
    assert soft.model == by_name["HiddenBN2-hard-seed4"].model
    params = soft.distillation
    assert (params.ground_truth_weight, params.teacher_prediction_weight) == (0.5, 0.5)  # lambda of equation 2
    assert params.prediction_distance == "cross_entropy"


def test_the_papers_gains_are_its_differences():
    rnn = [PUBLISHED[f"RNN{n}"] for n in (1, 2, 3)]
    assert sum(after - before for after, before in rnn) / 3 == pytest.approx(0.01290, abs=1e-5)
