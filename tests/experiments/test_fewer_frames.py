"""The tables of "fewer frames": the runs they ask for, their layout, and their claims on results that are made up."""

import csv
import dataclasses
import io

import pytest
from made_results import FRAMES, MadeUpRunner, frames_of

from yt8m_distill.experiments.claims import FAILS, HOLDS
from yt8m_distill.experiments.fewer_frames import published, table3
from yt8m_distill.experiments.fewer_frames.figure2 import figure2
from yt8m_distill.experiments.fewer_frames.runs import BEST, SAMPLERS, Family
from yt8m_distill.experiments.fewer_frames.table1 import _claims, table1
from yt8m_distill.experiments.fewer_frames.table2 import table2
from yt8m_distill.experiments.fewer_frames.table4 import table4
from yt8m_distill.experiments.fewer_frames.tables5and6 import table5, table6

SEEDS = [0, 1, 2]


def as_the_paper_says(plan):
    """GAP of a plan, so that all that the paper says holds; None is the teacher of parallel training."""
    if plan is None or "-all-" in plan.name:
        return 0.81
    k = frames_of(plan)
    gap = 0.77 + 0.005 * k
    if plan.distillation:
        return gap + 0.009 + (0.002 if "serial-rep+pred+CE" in plan.name else 0)
    worse = list(SAMPLERS).index(plan.features.frame_sampler)
    return gap - 0.01 * worse / k


def upside_down(plan):
    return 1 - as_the_paper_says(plan)


def verdicts(table):
    return [claim.verdict for claim in table.claims]


def records(table):
    file = io.StringIO()
    table.write_csv(file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def line(table, *words):
    """Cells of the first line of the table that begins with these words."""
    return next([cell for cell in row if cell] for row in table.rows if [c for c in row if c][: len(words)] == [*words])


def test_table_1_has_every_row_and_the_papers_numbers_beside_ours():
    table = table1(FRAMES, MadeUpRunner(as_the_paper_says), SEEDS)
    assert len(table.rows) == 3 + 14
    assert line(table, "Uniform-k") == [
        *("Uniform-k", "0.780 (0)", "0.390 (0)", "0.785 (0)", "0.393 (0)", "0.795 (0)", "0.398 (0)", "|"),
        *("0.715", "0.266", "0.759", "0.324", "0.777", "0.350", "0.785", "0.363", "0.795", "0.378"),
    ]
    assert line(table, "Serial", "L_rep, L_pred, L_CE")[-2:] == ["0.806", "0.405"]
    assert "Teacher-Skyline (all frames): GAP 0.810 (0), mAP 0.405 (0); in the paper 0.811 and 0.414" in table.body
    found = records(table)
    assert len(found) == (14 * 3 + 1) * 3 + 14 * 5
    one = next(r for r in found if (r["row"], r["condition"], r["seed"]) == ("Serial L_rep, L_pred, L_CE", "k=3", "2"))
    assert (one["source"], float(one["GAP"])) == ("here", pytest.approx(0.79602))
    of_the_paper = [r for r in found if r["source"] == "paper"]
    assert of_the_paper[0] == {
        **{"row": "Uniform-k", "condition": "k=6", "source": "paper", "seed": "", "GAP": "0.715", "mAP": "0.266"}
    }


def test_the_claims_of_table_1_follow_the_results():
    assert set(verdicts(table1(FRAMES, MadeUpRunner(as_the_paper_says), SEEDS))) == {HOLDS}
    # Serial and parallel stay as near to each other.
    assert verdicts(table1(FRAMES, MadeUpRunner(upside_down), SEEDS)) == [FAILS, FAILS, FAILS, HOLDS, FAILS, HOLDS]


def test_the_claims_of_table_1_hold_of_the_papers_own_numbers():
    features = dataclasses.replace(FRAMES.features, max_frames=300)
    data = dataclasses.replace(FRAMES, features=features, frames=published.FRAMES)
    rows = published.BASELINES | published.STUDENTS
    numbers = {(row, k): pair for row in rows for k, pair in zip(published.FRAMES, rows[row], strict=True)}
    numbers["skyline", 0] = published.SKYLINE
    results = {key: {seed: {"gap": gap, "map": m} for seed in (0, 1)} for key, (gap, m) in numbers.items()}
    assert {claim.verdict for claim in _claims(data, results)} == {HOLDS}


def test_every_run_of_table_1_is_what_its_row_says():
    family = Family(FRAMES)
    assert family.baseline("last", 3, 1).features == FRAMES.sampled(3, "last")
    two_stages = family.student("serial", ("rep",), 3, 1)
    assert two_stages.teachers == (family.skyline(1),)
    assert two_stages.distillation.representation_epochs == 3
    weights = {
        losses: (p.ground_truth_weight, p.teacher_prediction_weight, p.representation_weight)
        for losses in ((), ("rep",), ("pred",), ("rep", "CE"), ("pred", "CE"), BEST[1])
        if losses
        for p in [family.student("serial", losses, 3, 1).distillation]
    }
    assert weights == {
        ("rep",): (1, 0, 0),
        ("pred",): (0, 1, 0),
        ("rep", "CE"): (1, 0, 0.02),
        ("pred", "CE"): (1, 1, 0),
        BEST[1]: (1, 1, 0.02),
    }
    parallel = family.student("parallel", ("rep",), 5, 1)
    assert (parallel.distillation.ground_truth_weight, parallel.distillation.student_head) == (0, "shared")
    assert parallel.joint_teacher.features == FRAMES.features
    assert parallel.by_epoch and not family.student("parallel", ("rep",), 3, 1).by_epoch
    intermediate = family.student(*BEST, 3, 1, intermediate=True)
    assert intermediate.distillation.intermediate_weight == 0.02
    assert not intermediate.stored


@pytest.mark.parametrize(("frames", "blocks"), [(0, 5), (1, 1), (2, 2), (3, 3), (5, 5), (7, 1)])
def test_the_hierarchical_model_cuts_its_frames_into_equal_blocks(frames, blocks):
    aggregator = FRAMES.model("HRNN", frames).aggregator
    assert (aggregator.max_num_frames, aggregator.num_inputs_to_lstm) == (frames or 10, blocks)


def test_table_2_trains_teacher_and_student_on_the_same_share(monkeypatch):
    monkeypatch.setattr(
        "yt8m_distill.experiments.fewer_frames.table2.share_of", lambda shards, share, folder: (f"share{share}",)
    )
    plans = []

    def gap(plan):
        plans.append(plan)
        return 0.7 + 0.1 * plan.training.num_epochs**-1 + (0.002 * plan.training.num_epochs if plan.distillation else 0)

    table = table2(FRAMES, MadeUpRunner(gap), SEEDS)
    assert {plan.shards for plan in plans} == {("share0.1",), ("share0.25",), ("share0.5",)}
    assert {plan.training.num_epochs for plan in plans} == {10, 20}
    assert all(teacher.shards == plan.shards for plan in plans for teacher in plan.teachers)
    assert line(table, "Serial", "GAP")[-3:] == ["0.774", "0.788", "0.796"]
    assert line(table, "Uniform", "mAP")[-3:] == ["0.220", "0.301", "0.349"]
    assert verdicts(table) == [HOLDS, HOLDS]


def test_table_3_weighs_quality_against_time_and_multiply_adds(monkeypatch):
    monkeypatch.setattr(table3, "_seconds", lambda directories, runner: {k: [0.1 * k, 0.11 * k] for k in directories})
    table = table3.table3(FRAMES, MadeUpRunner(as_the_paper_says), SEEDS)
    assert [row[0] for row in table.rows[2:]] == ["Teacher-Skyline", "k=2", "k=3", "k=5", "k=7"]
    assert line(table, "Teacher-Skyline")[-4:] == ["Teacher-Skyline", "13.00", "5.058", "0.811"]
    assert line(table, "k=5")[-4:] == ["k=30", "9.11", "0.520", "0.806"]
    # Half of the time; what is behind the frames is much of the work of 24 values a frame.
    assert verdicts(table) == [HOLDS, FAILS, HOLDS]
    assert {r["multiply_adds"] for r in records(table) if r["row"] == "k=2"} != {""}


def test_table_4_compares_intermediate_with_final_matching():
    table = table4(FRAMES, MadeUpRunner(lambda plan: 0.51 if plan and "intermediate" in plan.name else 0.5), SEEDS)
    assert line(table, "Serial", "L_rep, L_pred, L_CE")[2:] == [
        *("0.510 (0)", "0.255 (0)", "0.500 (0)", "0.250 (0)", "|", "0.806", "0.405", "0.806", "0.405")
    ]
    assert verdicts(table) == [FAILS]


def test_tables_5_and_6_put_the_skyline_into_the_last_columns():
    table = table5(FRAMES, MadeUpRunner(as_the_paper_says), SEEDS)
    assert table.rows[3][:6] == ["Skyline", "", "", "0.810 (0)", "0.405 (0)", "|"]
    assert line(table, "Student")[-4:] == ["0.784", "0.383", "0.812", "0.436"]
    table = table6(FRAMES, MadeUpRunner(as_the_paper_says), SEEDS)
    assert line(table, "Uniform")[-3:] == ["0.812", "0.424", "0.134"]
    assert verdicts(table)[0] == HOLDS
    assert "share saved" in str(table.claims[1])


def test_figure_2_ends_at_the_serial_constants():
    table = figure2(FRAMES, MadeUpRunner(as_the_paper_says), SEEDS)
    assert line(table, "L_rep", "parallel teacher")[2:] == ["0.405 (0)", "0.729 (0)", "0.810 (0)", "0.810 (0)"]
    assert verdicts(table) == [HOLDS, HOLDS]
    worse = figure2(FRAMES, MadeUpRunner(lambda plan: 0.5 if plan is None else 0.6), SEEDS)
    assert verdicts(worse) == [FAILS, HOLDS]


def test_one_seed_decides_nothing():
    table = table4(FRAMES, MadeUpRunner(as_the_paper_says), [0])
    assert set(verdicts(table)) == {"undecided within the spread over seeds"}
    assert "one seed" in table.body


def test_the_papers_table_1_is_complete():
    for pairs in (*published.BASELINES.values(), *published.STUDENTS.values()):
        assert [len(pair) for pair in pairs] == [2] * len(published.FRAMES)
        gaps = [gap for gap, _ in pairs]
        assert gaps == sorted(gaps)
