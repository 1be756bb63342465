"""Figure 3: representations of teacher and student of the same videos, in two dimensions, for five classes."""

import numpy as np

from yt8m_distill.data.batches import dense_labels, model_inputs
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, above
from yt8m_distill.experiments.fewer_frames import published
from yt8m_distill.experiments.fewer_frames.runs import BEST, Family, student_label
from yt8m_distill.experiments.layout import Table, cell, spread_note
from yt8m_distill.run_config import find_run, restore_model

_CLASSES, _VIDEOS = 5, 60  # of each class, at most
_BATCH = 512


def figure3(data, runner, seeds):
    """The figure of a frame-level DataSet, trained by a Runner, as a Table of distances."""
    family, k = Family(data), data.frames[-1]
    plans = {
        "teacher": {s: family.skyline(s) for s in seeds},
        "student": {s: family.student(*BEST, k, s) for s in seeds},
        "uniform": {s: family.baseline("uniform", k, s) for s in seeds},
    }
    runner.run_cells(plans)
    chosen, numbers, classes = _videos(data, runner)
    vectors = {
        (who, seed): _representations(runner.directory(plan), runner.evaluation)[chosen]
        for who, by in plans.items()
        for seed, plan in by.items()
    }
    pairs = {seed: (vectors["teacher", seed], vectors["student", seed]) for seed in seeds}
    own = {seed: _own_distance(*pair) for seed, pair in pairs.items()}
    untaught = {seed: _own_distance(vectors["teacher", seed], vectors["uniform", seed]) for seed in seeds}
    others = {seed: _class_distance(teacher, numbers) for seed, (teacher, _) in pairs.items()}
    names = [f"class {label}" for label in classes]
    return Table(
        f"Figure 3 of {published.CITATION}",
        (
            f"the {_CLASSES} most frequent classes ({', '.join(map(str, classes))}), {len(chosen)} evaluation videos "
            f"with one of them; student: {student_label(BEST)}, k={k}; {spread_note(seeds)}",
            "distances of representations; the picture shows t-SNE of those of the first seed",
        ),
        [
            ["from the teacher's representation of a video to", "mean distance"],
            ["the student's of the same video", cell(own)],
            ["Uniform-k's, which had no teacher, of the same video", cell(untaught)],
            ["the teacher's of another video of its class", cell(others)],
        ],
        [
            {"row": row, "condition": "distance", "source": "here", "seed": seed, "distance": round(value, 5)}
            for row, values in (("student", own), ("Uniform-k", untaught), ("other video", others))
            for seed, value in values.items()
        ],
        (
            Claim(
                "Teacher's and student's representations of a video are very close to each other "
                "(closer than half of the distance between videos of a class).",
                (above("half of that distance over distance", {s: others[s] / 2 for s in seeds}, own),),
            ),
            Claim(
                "The teacher brings them there: without one they are farther apart.",
                (above("Uniform-k's distance over the student's", untaught, own),),
            ),
        ),
        lambda path: _draw(path, data, pairs[seeds[0]], numbers, names),
    )


def _videos(data, runner):
    """(indices of videos, number of each one's class, the classes): videos with exactly one of the top classes."""
    spec = data.sampled(1)
    labels = [
        dense_labels(batch, spec)[0].numpy() for batch in read_batches(runner.evaluation, spec, ReadOptions(_BATCH))
    ]
    labels = np.concatenate(labels)
    classes = np.argsort(-labels.sum(0), kind="stable")[:_CLASSES]
    chosen = labels[:, classes]
    alone = [np.flatnonzero((chosen.sum(1) == 1) & (chosen[:, n] == 1))[:_VIDEOS] for n in range(len(classes))]
    return np.concatenate(alone), np.repeat(np.arange(len(classes)), [len(x) for x in alone]), classes.tolist()


def _representations(directory, shards):
    """float32 (videos, d), in the order in which `read_batches` reads them."""
    run = find_run(directory)
    model, spec = restore_model(run), run.config.features
    batches = read_batches(shards, spec, ReadOptions(_BATCH), labelled=False)
    return np.concatenate(
        [np.asarray(model(model_inputs(batch, spec), training=False)["representation"]) for batch in batches]
    )


def _own_distance(teacher, student):
    return float(np.linalg.norm(teacher - student, axis=1).mean())


def _class_distance(vectors, numbers):
    """Mean distance between two videos of one class."""
    found = []
    for number in np.unique(numbers):
        own = vectors[numbers == number]
        distances = np.linalg.norm(own[:, None] - own[None, :], axis=-1)
        found.append(distances[np.triu_indices(len(own), 1)])
    return float(np.concatenate(found).mean())


def _draw(path, data, pair, numbers, names):
    points = plots.embed(np.concatenate(pair))
    plots.draw_pairs(path, f"t-SNE, {data.title}", points, numbers, names)
