"""Table 2: GAP, time and size of models whose large weights are stored in 8 bits.

OUTPUT/quantized/NAME.json  what was measured of the run NAME and its quantised twin
"""

import math
import os
import statistics
import time

import keras

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.stored_size import stored_bytes
from yt8m_distill.experiments import plots
from yt8m_distill.experiments.claims import Claim, Comparison, counted
from yt8m_distill.experiments.kept_result import kept_result
from yt8m_distill.experiments.layout import Table, cell, spread_note
from yt8m_distill.experiments.size_constrained import published
from yt8m_distill.experiments.size_constrained.choices import choose, halves
from yt8m_distill.experiments.size_constrained.members import quantized_run
from yt8m_distill.experiments.size_constrained.runs import families, last_of
from yt8m_distill.inference.evaluate import evaluate, make_evaluation_step
from yt8m_distill.run_config import restore_model

_CHANGE = 0.0002  # GAP; 0.00001 in the paper
_LARGE = 20_000_000  # weights
_SHARE = 0.2505  # of the float size; 117 of 467.5 MB in the paper
_ROUNDS = 5
_BATCH = 512
_KINDS = {"float": "float32", "quantized": "8 bits"}


def table2(data, runner, seeds):
    """The Table of a frame- or video-level DataSet, trained by a Runner: one model of each family, the first picked."""
    chosen = choose(data, runner, seeds, list(families(data)))
    plans = {seed: last_of(data, chosen, seed) for seed in seeds}
    models = [choice.models[0] for choice in chosen.values()]
    trained = runner.run_cells({model: {seed: plans[seed][model] for seed in seeds} for model in models})
    found = {
        model: {seed: _measured(runner, plans[seed][model], trained[model][seed]["gap"]) for seed in seeds}
        for model in models
    }
    return Table(
        f"Table 2 of {published.CITATION}",
        (
            f"a model of each family at the end of the road, in float32 and in 8 bits; {spread_note(seeds)}",
            "GAP on all evaluation shards; time: from the records of every other shard to metrics, the median of "
            f"{_ROUNDS} rounds in turn; size: of all weights",
            "both are floats once they are loaded, so that times differ by chance: benchmarks/quantized_inference.py "
            "compares SavedModels",
        ),
        _text(found),
        _records(found),
        tuple(_claims(found)),
        lambda path: plots.draw_bars(path, data.title, "GAP", {model: _bars(of) for model, of in found.items()}),
    )


def _measured(runner, plan, gap):
    """{"float", "quantized": {"gap", "seconds": one a round, "bytes"}, "weights"} of a plan with this GAP."""
    runs = {"float": runner.finished(plan), "quantized": quantized_run(runner, plan)}
    made_with = {
        "checkpoints": [checkpoint_checksum(run.checkpoint) for run in runs.values()],
        "shards": list(map(os.path.abspath, runner.evaluation)),
    }
    path = os.path.join(runner.output_dir, "quantized", f"{plan.name}.json")
    return kept_result(path, made_with, lambda: _measure(runner, plan, runs, gap))


def _measure(runner, plan, runs, gap):
    models = {kind: restore_model(run) for kind, run in runs.items()}
    steps = {kind: make_evaluation_step(model, plan.features) for kind, model in models.items()}
    result = {kind: {"bytes": stored_bytes(run, models[kind]), "seconds": []} for kind, run in runs.items()}
    result["weights"] = models["float"].count_params()
    result["float"]["gap"] = gap
    result["quantized"]["gap"] = _evaluated(models, steps, plan, "quantized", runner.evaluation)
    _, last_half = halves(runner.evaluation)
    for number in range(_ROUNDS + 1):
        for kind in list(runs)[:: (-1) ** number]:
            begin = time.perf_counter()
            _evaluated(models, steps, plan, kind, last_half)
            if number:  # the first one compiles
                result[kind]["seconds"].append(time.perf_counter() - begin)
    keras.backend.clear_session()
    return result


def _evaluated(models, steps, plan, kind, shards):
    options = {"step": steps[kind], "progress": False, "batch_size": _BATCH}
    return evaluate(models[kind], plan.features, shards, **options)[0]["gap"]


def _gap(found, kind):
    return {seed: one[kind]["gap"] for seed, one in found.items()}


def _seconds(found, kind):
    return statistics.median(seconds for one in found.values() for seconds in one[kind]["seconds"])


def _size(found, kind):
    return next(iter(found.values()))[kind]["bytes"]


def _text(found):
    rows = [["here", "", "", "", "", "", "", "|", "paper"]]
    heads = ["GAP", "time (s)", "size (MB)"]
    rows.append(["Model", "", *heads, "% of float", "GAP change", "|", "Model", *heads, "% of float", "GAP change"])
    for place, (model, of) in enumerate(found.items()):
        for kind, words in _KINDS.items():
            share = f"{_size(of, kind) / _size(of, 'float'):.2%}"
            row = [model if kind == "float" else "", words, cell(_gap(of, kind), 5), f"{_seconds(of, kind):.2f}"]
            row += [f"{_size(of, kind) / 1e6:.3f}", share, "" if kind == "float" else f"{_largest_change(of):+.5f}"]
            rows.append([*row, "|", *(_paper_row(kind) if place == 0 else [])])
    return rows


def _paper_row(kind):
    (before, *_), _ = published.QUANTIZATION
    gap, seconds, size = published.QUANTIZATION[kind == "quantized"]
    share = size / published.QUANTIZATION[0][2]
    change = "" if kind == "float" else f"{gap - before:+.5f}"
    return ["FVNet" if kind == "float" else "", f"{gap:.5f}", f"{seconds:.2f}", f"{size:g}", f"{share:.2%}", change]


def _largest_change(of):
    """The change of GAP that is largest over the seeds; NaN where there is one."""
    changes = [one["quantized"]["gap"] - one["float"]["gap"] for one in of.values()]
    return max(changes, key=lambda change: math.inf if math.isnan(change) else abs(change))


def _records(found):
    rows = [
        {"row": model, "condition": _KINDS[kind], "source": "here", "seed": seed, "GAP": round(one[kind]["gap"], 6)}
        | {"seconds": round(statistics.median(one[kind]["seconds"]), 3), "bytes": one[kind]["bytes"]}
        for model, of in found.items()
        for seed, one in of.items()
        for kind in _KINDS
    ]
    for words, (gap, seconds, size) in zip(_KINDS.values(), published.QUANTIZATION, strict=True):
        row = {"row": "FVNet", "condition": words, "source": "paper", "seed": "", "GAP": gap}
        rows.append(row | {"seconds": seconds, "bytes": round(size * 1e6)})
    return rows


def _claims(found):
    yield Claim(
        f"8 bits change GAP by no more than {_CHANGE} (0.00001 in the paper; the largest change over the seeds).",
        tuple(
            Comparison(model, (_largest_change(of),), _CHANGE, both_ways=True, counted=True)
            for model, of in found.items()
        ),
    )
    large = {model: of for model, of in found.items() if next(iter(of.values()))["weights"] >= _LARGE}
    if large:
        yield Claim(
            f"Models of 20 million weights and more shrink to {_SHARE:.2%} or less (25.03 % in the paper).",
            tuple(
                counted(f"{model}, share saved", 1 - _size(of, "quantized") / _size(of, "float"), 1 - _SHARE)
                for model, of in large.items()
            ),
        )


def _bars(of):
    return {words: _gap(of, kind) for kind, words in _KINDS.items()}
