"""Table 1: every baseline and every student, for every k."""

import statistics

from yt8m_distill.data.sampling import fixed_positions
from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above, alike
from yt8m_distill.experiments.fewer_frames import published
from yt8m_distill.experiments.fewer_frames.runs import BEST, LOSSES_NOTE, SAMPLERS, Family, losses_label, student_label
from yt8m_distill.experiments.layout import (
    Table,
    by_seed,
    cell,
    pair_of_cells,
    pair_of_paper_cells,
    records,
    spread_note,
)

_ALIKE = 0.01  # GAP; serial and parallel training differ by up to 0.006 in the paper's rows
# "The GAP and mAP drop by 0.5-0.9 % and 0.9-2 %" at k = 30.
_NEGLIGIBLE = 0.009
_ROWS = {**published.BASELINES, **published.STUDENTS}


def table1(data, runner, seeds):
    """The Table of a frame-level DataSet, trained by a Runner."""
    results = runner.run_cells(_plans(data, seeds))
    skyline = results["skyline", 0]
    named = {(_label(row), f"k={k}" if k else "all frames"): found for (row, k), found in results.items()}
    theirs = {
        (_label(row), f"k={k}"): pair
        for row, pairs in _ROWS.items()
        for k, pair in zip(published.FRAMES, pairs, strict=True)
    }
    return Table(
        f"Table 1 of {published.CITATION}",
        (
            f"k of {data.features.max_frames} frames here, of up to 300 in the paper; {spread_note(seeds)}",
            f"Teacher-Skyline (all frames): GAP {cell(by_seed(skyline))}, mAP {cell(by_seed(skyline, 'map'))}; in the "
            f"paper {published.SKYLINE[0]} and {published.SKYLINE[1]}",
            LOSSES_NOTE,
        ),
        _headings(data) + [_row(data, row, results) for row in _ROWS],
        records(named, theirs),
        _claims(data, results),
        lambda path: plots.draw_lines(path, _panels(data, results)),
    )


def _plans(data, seeds):
    family = Family(data)
    cells = {("skyline", 0): {seed: family.skyline(seed) for seed in seeds}}
    for k in data.frames:
        for sampler in SAMPLERS:
            cells[sampler, k] = {seed: family.baseline(sampler, k, seed) for seed in seeds}
        for student in published.STUDENTS:
            cells[student, k] = {seed: family.student(*student, k, seed) for seed in seeds}
    return cells


def _headings(data):
    ours, theirs = ([text for k in ks for text in (f"k={k}", "")] for ks in (data.frames, published.FRAMES))
    metrics = [["GAP", "mAP"] * (len(half) // 2) for half in (ours, theirs)]
    return [
        ["", "", "here", *[""] * (len(ours) - 1), "|", "paper"],
        ["", "", *ours, "|", *theirs],
        ["Training", "Model or losses", *metrics[0], "|", *metrics[1]],
    ]


def _row(data, row, results):
    ours = [text for k in data.frames for text in pair_of_cells(results[row, k])]
    theirs = [text for pair in _ROWS[row] for text in pair_of_paper_cells(pair)]
    first = ["", SAMPLERS[row]] if row in SAMPLERS else [row[0].capitalize(), losses_label(row[1])]
    return [*first, *ours, "|", *theirs]


def _label(row):
    if row == "skyline":
        return "Teacher-Skyline"
    return SAMPLERS[row] if row in SAMPLERS else student_label(row)


def _claims(data, results):
    """Of GAP, the mean over all k where no k is named."""
    gap = {key: by_seed(found) for key, found in results.items()}
    return (
        *_claims_of_baselines(data, gap),
        Claim(
            "All teacher-student models outperform Uniform-k.",
            tuple(
                above(_label(row), _mean(gap, row, data.frames), _mean(gap, "uniform", data.frames))
                for row in published.STUDENTS
            ),
        ),
        *_claims_of_students(data, gap),
    )


def _claims_of_baselines(data, gap):
    few, many = data.frames[0], data.frames[-1]
    apart = {s: [k for k in data.frames if not _same_frames(data, s, k)] for s in SAMPLERS}
    others = [s for s in SAMPLERS if apart[s]]
    yield Claim(
        "Uniform-k is the best of the baselines (where it does not see the same frames).",
        tuple(
            above(f"Uniform-k over {SAMPLERS[s]}", _mean(gap, "uniform", apart[s]), _mean(gap, s, apart[s]))
            for s in others
        ),
    )
    common = [s for s in others if {few, many} <= {*apart[s]}]
    if few == many or not common:
        return
    lead = {k: _mean_over([_lead(gap, s, k) for s in common]) for k in (few, many)}
    yield Claim(
        "Uniform-k's lead over the other baselines is larger when k is small.",
        (above(f"mean lead at k={few} over that at k={many}", lead[few], lead[many]),),
    )


def _claims_of_students(data, gap):
    every = data.frames
    serial = [("serial", losses) for mode, losses in published.STUDENTS if mode == "parallel"]
    yield Claim(
        f"Serial and parallel training differ little (within {_ALIKE}; by up to 0.006 in the paper).",
        tuple(
            alike(
                f"{losses_label(losses)}, serial over parallel",
                _mean(gap, (mode, losses), every),
                _mean(gap, ("parallel", losses), every),
                _ALIKE,
            )
            for mode, losses in serial
        ),
    )
    yield Claim(
        "Serial training with L_rep, L_pred and L_CE gives the best student.",
        tuple(
            above(f"over {_label(row)}", _mean(gap, BEST, every), _mean(gap, row, every))
            for row in published.STUDENTS
            if row != BEST
        ),
    )
    many = every[-1]
    yield Claim(
        f"At the largest k its GAP drops by at most {_NEGLIGIBLE} from the teacher's on all frames.",
        (above(f"k={many}, student over skyline", gap[BEST, many], gap["skyline", 0], -_NEGLIGIBLE),),
    )


def _mean(gap, row, frames):
    """{seed: mean over these k}."""
    return _mean_over([gap[row, k] for k in frames])


def _lead(gap, sampler, k):
    return {seed: value - gap[sampler, k][seed] for seed, value in gap["uniform", k].items()}


def _mean_over(by_seed_each):
    return {seed: statistics.fmean(one[seed] for one in by_seed_each) for seed in by_seed_each[0]}


def _same_frames(data, sampler, k):
    """Whether a sampler gives uniform-k's frames of a full video, as first-1 does."""
    if sampler == "random":
        return False
    full = [fixed_positions(name, data.features.max_frames, k)[-1] for name in (sampler, "uniform")]
    return bool((full[0] == full[1]).all())


def _panels(data, results):
    ours = {_label(row): [(k, by_seed(results[row, k])) for k in data.frames] for row in _ROWS}
    theirs = {
        _label(row): [(k, {0: gap}) for k, (gap, _) in zip(published.FRAMES, pairs, strict=True)]
        for row, pairs in _ROWS.items()
    }
    teacher = list(by_seed(results["skyline", 0]).values())
    levels = {"Teacher-Skyline": sum(teacher) / len(teacher)}
    return [
        plots.Panel(f"here: {data.title}", f"k of {data.features.max_frames} frames", "GAP", ours, levels, whole=True),
        plots.Panel("paper: YouTube-8M", "k", "GAP", theirs, {"Teacher-Skyline": published.SKYLINE[0]}, whole=True),
    ]
