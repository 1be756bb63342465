"""Table 2: student and Uniform-k when teacher and student see a part of the training data."""

from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above
from yt8m_distill.experiments.fewer_frames import published
from yt8m_distill.experiments.fewer_frames.runs import BEST, Family
from yt8m_distill.experiments.layout import Table, by_seed, cell, paper_cell, records, spread_note
from yt8m_distill.experiments.shares import share_of

_ROWS = {"Serial": published.SERIAL_BY_SHARE, "Uniform": published.UNIFORM_BY_SHARE}
_MOST_EPOCHS = 4  # times those of a run on all data


def table2(data, runner, seeds):
    """The Table of a frame-level DataSet, trained by a Runner."""
    results = runner.run_cells(_plans(data, runner, seeds))
    theirs = {
        (row, _percent(share)): pair
        for row, pairs in _ROWS.items()
        for share, pair in zip(published.SHARES, pairs, strict=True)
    }
    return Table(
        f"Table 2 of {published.CITATION}",
        (
            f"k={data.frames[-1]} of {data.features.max_frames} frames here, 30 in the paper; {spread_note(seeds)}",
            f"teacher and student see the same part, up to {_MOST_EPOCHS} times as often as all data would be",
        ),
        _text(results),
        records({(row, _percent(share)): found for (row, share), found in results.items()}, theirs),
        _claims({key: by_seed(found) for key, found in results.items()}),
        lambda path: plots.draw_lines(path, _panels(data, results)),
    )


def _plans(data, runner, seeds):
    k, cells = data.frames[-1], {}
    for share in published.SHARES:
        shards = share_of(data.train, share, runner.output_dir)
        epochs = round(min(1 / share, _MOST_EPOCHS) * data.training.num_epochs)
        family = Family(data, prefix=f"share{round(100 * share)}-", shards=shards, epochs=epochs)
        cells["Serial", share] = {seed: family.student(*BEST, k, seed) for seed in seeds}
        cells["Uniform", share] = {seed: family.baseline("uniform", k, seed) for seed in seeds}
    return cells


def _percent(share):
    return f"{share:.0%}"


def _text(results):
    percents = [_percent(share) for share in published.SHARES]
    rows = [["", "", "here", *[""] * (len(percents) - 1), "|", "paper"], ["Model", "Metric", *percents, "|", *percents]]
    for row, pairs in _ROWS.items():
        for place, (name, metric) in enumerate((("GAP", "gap"), ("mAP", "map"))):
            ours = [cell(by_seed(results[row, share], metric)) for share in published.SHARES]
            rows.append([row, name, *ours, "|", *(paper_cell(pair[place]) for pair in pairs)])
    return rows


def _claims(gap):
    lead = {
        share: {seed: value - gap["Uniform", share][seed] for seed, value in gap["Serial", share].items()}
        for share in published.SHARES
    }
    least, most = published.SHARES[0], published.SHARES[-1]
    return (
        Claim(
            "With a part of the training data the student outperforms Uniform-k.",
            tuple(
                above(f"{_percent(share)} of the data", gap["Serial", share], gap["Uniform", share])
                for share in published.SHARES
            ),
        ),
        Claim(
            "The student's lead is larger when there is less training data.",
            (above(f"lead with {_percent(least)} over lead with {_percent(most)}", lead[least], lead[most]),),
        ),
    )


def _panels(data, results):
    ours = {row: [(100 * share, by_seed(results[row, share])) for share in published.SHARES] for row in _ROWS}
    theirs = {
        row: [(100 * share, {0: gap}) for share, (gap, _) in zip(published.SHARES, pairs, strict=True)]
        for row, pairs in _ROWS.items()
    }
    axis = "% of the training data"
    return [plots.Panel(f"here: {data.title}", axis, "GAP", ours), plots.Panel("paper", axis, "GAP", theirs)]
