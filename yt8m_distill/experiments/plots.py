"""Pictures of tables. matplotlib and scikit-learn are wanted here alone, and imported when a picture is drawn."""

import dataclasses
import importlib
import os
import statistics

from yt8m_distill.errors import InputError

_SIZE = (6.0, 4.2)  # inches of one panel


@dataclasses.dataclass(frozen=True)
class Panel:
    """One set of axes.

    Attributes:
      title, xlabel, ylabel: its words.
      lines: {label: [(x, {seed: y}), ...]}; a line without seeds, such as the paper's, has one entry.
      levels: {label: y}, drawn as dashed lines from side to side.
      whole: whether x is a count, so that ticks stand at the points alone.
    """

    title: str
    xlabel: str
    ylabel: str
    lines: dict
    levels: dict = dataclasses.field(default_factory=dict)
    whole: bool = False


def require(*modules):
    """Raises InputError where a module that tables or pictures need is not installed."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            raise InputError(
                f"tables need {name}, which is not installed: pip install 'yt8m_distill[reproduce]'."
            ) from None


def draw_lines(path, panels):
    """Writes a PNG of panels side by side; the spread over seeds as bars of one standard deviation."""
    figure = _figure(len(panels))
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), number + 1)
        for place, (label, points) in enumerate(panel.lines.items()):
            xs, values = [x for x, _ in points], [list(seeds.values()) for _, seeds in points]
            spreads = [statistics.stdev(ys) if len(ys) > 1 else 0 for ys in values]
            means = [statistics.fmean(ys) for ys in values]
            style = {"ls": "-", "marker": "o"} if place < 10 else {"ls": ":", "marker": "s"}  # there are ten colours
            axes.errorbar(xs, means, spreads, color=f"C{place % 10}", ms=3, lw=1, capsize=2, label=label, **style)
        for place, (label, y) in enumerate(panel.levels.items()):
            axes.axhline(y, ls="--", lw=1, color=f"C{7 - place}", label=label)
        if panel.whole:
            axes.set_xticks(sorted({x for points in panel.lines.values() for x, _ in points}))
        _label(axes, panel.title, panel.xlabel, panel.ylabel)
        axes.legend(fontsize=6)
    _save(figure, path)


def draw_bars(path, title, ylabel, bars):
    """Writes a PNG of groups of bars: {group: {label: {seed: y}}}; bars of one label have one colour."""
    figure = _figure(2)
    axes = figure.add_subplot()
    labels = list(dict.fromkeys(label for group in bars.values() for label in group))
    width = 0.8 / len(labels)
    for place, label in enumerate(labels):
        there = [(x, list(group[label].values())) for x, group in enumerate(bars.values()) if label in group]
        xs = [x + (place - (len(labels) - 1) / 2) * width for x, _ in there]
        spreads = [statistics.stdev(ys) if len(ys) > 1 else 0 for _, ys in there]
        axes.bar(xs, [statistics.fmean(ys) for _, ys in there], width, yerr=spreads, capsize=2, label=label)
    axes.set_xticks(range(len(bars)), bars, rotation=20, ha="right", fontsize=7)
    heights = [y for group in bars.values() for ys in group.values() for y in ys.values()]
    room = 0.1 * (max(heights) - min(heights)) or 0.01
    axes.set_ylim(min(heights) - room, max(heights) + room)  # differences are small beside the values
    _label(axes, title, "", ylabel)
    axes.legend(fontsize=7)
    _save(figure, path)


def draw_columns(path, columns):
    """Writes a PNG of horizontal bars: {title: {row: value}}, a panel for each title, rows from above."""
    figure = _figure(len(columns))
    for number, (title, values) in enumerate(columns.items()):
        axes = figure.add_subplot(1, len(columns), number + 1)
        bars = axes.barh(range(len(values)), list(values.values()), color=f"C{number}")
        axes.bar_label(bars, [f"{value:.5f}" for value in values.values()], fontsize=7, padding=2)
        axes.set_yticks(range(len(values)), list(values) if not number else [""] * len(values), fontsize=7)
        axes.invert_yaxis()
        axes.margins(x=0.25)
        axes.locator_params(axis="x", nbins=5)
        _label(axes, title, "", "")
    _save(figure, path)


def draw_pairs(path, title, points, labels, names):
    """Writes a PNG of points of two kinds: those of teachers dark, those of students light, a colour a class.

    Args:
      path, title: of the picture.
      points: float (2 n, 2), teachers first, students of the same videos in the same order.
      labels: (n,) number of each video's class.
      names: of the classes.
    """
    figure = _figure(1, 1.4)
    axes = figure.add_subplot()
    count = len(labels)
    for number, name in enumerate(names):
        chosen = [index for index in range(count) if labels[index] == number]
        for offset, alpha, who in ((0, 1.0, "teacher"), (count, 0.35, "student")):
            xy = points[[index + offset for index in chosen]]
            axes.scatter(*xy.T, s=9, color=f"C{number}", alpha=alpha, linewidths=0, label=f"{name}, {who}")
    _label(axes, title, "", "")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(fontsize=6, ncols=2)
    _save(figure, path)


def embed(values, seed=0):
    """t-SNE of float (n, d) in two dimensions, float (n, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(30, (len(values) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(values)


def _figure(panels, scale=1.0):
    from matplotlib.figure import Figure

    return Figure((scale * _SIZE[0] * panels, scale * _SIZE[1]), layout="constrained")


def _label(axes, title, xlabel, ylabel):
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.3)


def _save(figure, path):
    figure.savefig(f"{path}.partial", format="png", dpi=150)
    os.replace(f"{path}.partial", path)
