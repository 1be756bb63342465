"""Prints what a model costs: weights, bytes, and the multiply-adds of one video, layer by layer.

  python -m yt8m_distill.bin.cost --model=NeXtVLAD --num_frames=300,30
  python -m yt8m_distill.bin.cost --models=all

A multiply-add is one a * b summed up in a product of matrices; everything else, such as norms and gates, is left out.
No weight is allocated and no data is read. Several models are compared, one a line; "all" are those that can read the
features described.
"""

import csv

from absl import flags

from yt8m_distill.bin import command, flag_groups
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.written_aside import require_writable, written_aside

FLAGS = flags.FLAGS

flags.DEFINE_string("num_frames", None, "Frames of the video; several separated by commas (default: --max_frames).")
flags.DEFINE_string("output_csv", None, "Also write every layer of every model to this file.")
flag_groups.define_checkpoint_flag()
flag_groups.define_model_flags()
flags.DEFINE_alias("models", "model")
flag_groups.define_data_flags()

MB, MIB = 10**6, 2**20


def main(arguments):
    """Counts the models of the flags, or that of a run."""
    command.no_arguments(arguments)
    everything = FLAGS.model == "all" and not FLAGS.checkpoint
    described = _run() if FLAGS.checkpoint else _models()
    frames = _frames(described)
    if FLAGS.output_csv:
        require_writable(FLAGS.output_csv)
    command.import_tensorflow()

    from yt8m_distill.cost.model_cost import model_cost

    costs = []
    for config, spec in described:
        try:
            costs.append(model_cost(config, spec, frames))
        except InputError as error:
            if not everything:
                raise
            misfit = error
            print(f"left out: {config.name}: {error}\n", flush=True)
    if not costs:
        raise misfit
    print(_layer_table(costs[0]) if len(costs) == 1 else _model_table(costs))
    if FLAGS.output_csv:
        _write(costs, FLAGS.output_csv)


def _run():
    """[(ModelConfig, FeatureSpec)] of --checkpoint."""
    from yt8m_distill.run_config import find_run

    if given := flag_groups.given_of_model_and_data():
        raise InputError(f"--{given[0]} and --checkpoint: the run says what its model is, so drop one of them.")
    config = find_run(FLAGS.checkpoint).config
    return [(config.model, config.features)]


def _models():
    """[(ModelConfig, FeatureSpec)] of --model, which may name several."""
    everything = FLAGS.model == "all"
    described, misfits = [], {}
    for name in registry.names() if everything else FLAGS.model.split(","):
        FLAGS.model = name.strip()
        config = flag_groups.model_config()
        try:
            described.append((config, flag_groups.feature_spec(config.level)))
        except InputError as error:
            misfits[config.name] = error
    if misfits and not (everything and described):
        raise next(iter(misfits.values()))
    for name, error in misfits.items():
        print(f"left out: {name}: {error}\n", flush=True)
    return described


def _frames(described):
    """The numbers of frames to count."""
    if FLAGS.num_frames is None:
        return (described[0][1].frame_limit,)
    counts = [count.strip() for count in FLAGS.num_frames.split(",")]
    if not all(count.isdecimal() and int(count) for count in counts):
        raise InputError(f"--num_frames={FLAGS.num_frames}: expected numbers of at least 1, separated by commas.")
    return tuple(map(int, counts))


def _layer_table(cost):
    """Every layer of a model, and sums."""
    total = cost.total
    grows = [count - total.per_video for count in total.multiply_adds]
    rows = [("layer", "trainable", "other weights", *_headings(cost.frames), "of them per video")]
    rows += [(layer.path or "(model)", *_numbers(layer)) for layer in (*cost.layers, total)]
    rows += [("  grows with the frames", "", "", *(f"{count:,}" for count in grows), "")]
    rows += [("  per frame", "", "", *(f"{_per_frame(*pair):,}" for pair in zip(grows, cost.frames, strict=True)), "")]
    weights = ((total.trainable, "trainable"), (total.non_trainable, "other"))
    sizes = " + ".join(f"{count:,} {kind} ({_bytes(count)})" for count, kind in weights)
    both = total.trainable + total.non_trainable
    in_8_bits = f"large ones in 8 bits (bin/quantize.py) {_in_megabytes(total.bytes_in_8_bits)}"
    heading = f"{cost.name}: {both:,} weights, float32 {_bytes(both)}, {in_8_bits}\n  {sizes}"
    return f"{heading}\nmultiply-adds of one video:\n{_aligned(rows)}"


def _model_table(costs):
    """A line for every model."""
    rows = [
        (
            "model",
            "trainable",
            "other weights",
            "MB",
            "MiB",
            "in 8 bits",
            *_headings(costs[0].frames),
            "of them per video",
        )
    ]
    for cost in costs:
        trainable, other, *counts = _numbers(cost.total)
        size = _size(cost.total)
        sizes = (size / MB, size / MIB, cost.total.bytes_in_8_bits / MIB)
        rows.append((cost.name, trainable, other, *(f"{one:,.1f}" for one in sizes), *counts))
    return f"float32 bytes, MiB with large weights in 8 bits, and multiply-adds of one video:\n{_aligned(rows)}"


def _headings(frames):
    return [f"{count} frame{'s' if count > 1 else ''}" for count in frames]


def _numbers(layer):
    return [f"{count:,}" for count in (layer.trainable, layer.non_trainable, *layer.multiply_adds, layer.per_video)]


def _per_frame(count, frames):
    return round(count / frames)


def _size(layer):
    from yt8m_distill.cost.model_cost import BYTES_PER_WEIGHT

    return BYTES_PER_WEIGHT * (layer.trainable + layer.non_trainable)


def _bytes(weights):
    from yt8m_distill.cost.model_cost import BYTES_PER_WEIGHT

    return _in_megabytes(BYTES_PER_WEIGHT * weights)


def _in_megabytes(size):
    return f"{size / MB:,.1f} MB = {size / MIB:,.1f} MiB"


def _aligned(rows):
    """Columns as wide as their widest cell; numbers end where their heading ends."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def _write(costs, path):
    with written_aside(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        counts = [f"multiply_adds_{count}" for count in costs[0].frames]
        writer.writerow(
            [
                "model",
                "layer",
                "trainable",
                "non_trainable",
                "bytes",
                "bytes_in_8_bits",
                *counts,
                "multiply_adds_per_video",
            ]
        )
        for cost in costs:
            for layer in (*cost.layers, cost.total):
                weights = (layer.trainable, layer.non_trainable, _size(layer), layer.bytes_in_8_bits)
                writer.writerow([cost.name, layer.path, *weights, *layer.multiply_adds, layer.per_video])


def run():
    """Entry point of `yt8m-cost`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
