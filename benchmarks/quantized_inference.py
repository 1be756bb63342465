"""What 8 bits on disk cost a model that predicts: nothing, as its floats are made once, when it is loaded.

Exports a model of random weights in float32 and quantised as in the size-constrained paper (uniform, weights of more
than 17,000 values), and calls both SavedModels in turn, in one process, for several numbers of videos and frames. Each
is loaded twice (float, quantised, quantised, float), since a copy is some percent faster or slower by where its weights
come to lie in memory. The ratio is the median over pairs of neighbouring calls, whose order and copies change from pair
to pair, with its quartiles. `noise` is the second copy of the float SavedModel against the first: what memory and
machine make of no difference at all. Where others use the machine too, the ratio of the processor's time says more than
that of the clock. For contrast, the same model with uint8 weights that every call casts and scales (`cast`), or looks
up in the codebook as the paper's graph does (`gather`).

Load time and resident memory are those of a process with TensorFlow alone for each side.

The last line is one JSON object: ratios per number of videos and frames, bytes, load time and memory of both sides,
and `slowdown_max`, the largest slowdown of the quantised SavedModel (0.01 is one percent; `cpu_slowdown_max` by the
processor's time).
Eight minutes: python benchmarks/quantized_inference.py
"""

import dataclasses
import gc
import json
import os
import statistics
import tempfile
import time

from absl import flags
from parts.plain_tensorflow import measured, random_inputs

from yt8m_distill.bin import command

FLAGS = flags.FLAGS

flags.DEFINE_string("model", "NeXtVLAD", "A registered frame-level model.")
flags.DEFINE_list("shapes", ["80x300", "80x30", "1x300", "1x30"], "Videos x frames of a call.")
flags.DEFINE_float("seconds", 60.0, "Time for the pairs of each shape (and for the rest as much again).")
flags.DEFINE_integer("least_pairs", 15, "Pairs of each shape, even if they take longer.", lower_bound=2)
flags.DEFINE_boolean("quick", False, "The tiny model, few calls: for the tests.")


def export(folder):
    """{side: folder} of the two SavedModels, and the quantised Member."""
    from yt8m_distill.compression.policy import Policy, store
    from yt8m_distill.export.members import Member, plain_tensors
    from yt8m_distill.export.saved_model import export_members
    from yt8m_distill.hyperparameters import registry
    from yt8m_distill.models.classifier import build_model
    from yt8m_distill.spec import FeatureSpec

    config, spec = registry.model_config(FLAGS.model), FeatureSpec()
    plain = plain_tensors(build_model(config, spec, seed=0))
    methods = Policy().methods({name: tensor.values for name, tensor in plain.items()})
    coded = {name: store(name, tensor.values, methods[name]) for name, tensor in plain.items()}
    members = {"float": Member(config, spec, plain), "quantized": Member(config, spec, coded)}
    folders = {side: os.path.join(folder, side) for side in members}
    for side, member in members.items():
        report, _ = export_members([member], folders[side])
        print(f"{side:<10} {report.summary()}", flush=True)
    return folders, members["quantized"]


def dequantized_at_each_call(member, way):
    """The model as a tf.function of its inputs that makes floats of codes whenever it is called."""
    import keras
    import tensorflow as tf

    from yt8m_distill.data.batches import input_signature
    from yt8m_distill.stored_weights import Codebook, named_weights

    model = member.build()
    coded = {name: tensor for name, tensor in member.tensors.items() if isinstance(tensor, Codebook)}
    codes = {name: tf.Variable(tensor.codes, trainable=False) for name, tensor in coded.items()}

    def floats(name):
        book = coded[name].codebook
        if way == "gather":
            return tf.gather(book, tf.cast(codes[name], tf.int32))
        return book[0] + (book[-1] - book[0]) / 255 * tf.cast(codes[name], tf.float32)

    @tf.function(input_signature=[input_signature(member.spec)], autograph=False)
    def predict(inputs):
        values = [(variable, floats(name)) for name, variable in named_weights(model).items() if name in coded]
        with keras.StatelessScope(state_mapping=values):
            return {"predictions": model(inputs, training=False)["predictions"]}

    return lambda **inputs: predict(inputs)


@dataclasses.dataclass(frozen=True)
class Ratios:
    """Times of one side over those of another, of neighbouring calls; `cpu` is the median for the processor's time."""

    median: float
    quartiles: tuple[float, float]
    cpu: float
    pairs: int


def compare(ones, others, inputs, seconds, least_pairs):
    """(Ratios of the times of `others` over those of `ones`, median seconds of `ones`), of copies that take turns."""

    def timed(side):
        start = time.perf_counter(), time.process_time()
        side(**inputs)["predictions"].numpy()
        return time.perf_counter() - start[0], time.process_time() - start[1]

    for side in (*ones, *others):
        timed(side)
    pairs, end = [], time.perf_counter() + seconds
    while len(pairs) < least_pairs or time.perf_counter() < end:
        one, other = (copies[len(pairs) // 2 % len(copies)] for copies in (ones, others))
        if len(pairs) % 2:
            pairs.append((timed(one), timed(other)))
        else:
            pairs.append(tuple(reversed((timed(other), timed(one)))))
    wall, cpu = ([after[clock] / before[clock] for before, after in pairs] for clock in (0, 1))
    low, median, high = (round(each, 4) for each in statistics.quantiles(wall, n=4))
    ratios = Ratios(median, (low, high), round(statistics.median(cpu), 4), len(pairs))
    return ratios, statistics.median(before[0] for before, _ in pairs)


def compare_sides(sides, shape):
    """{"ms_float", side: Ratios} of {side: copies} against the float SavedModel."""
    inputs, result = random_inputs(sides["float"][0], shape), {}
    for side in [name for name in sides if name != "float"]:
        share = 1 if side == "quantized" else 0.25
        least = max(round(share * FLAGS.least_pairs), 2)
        ones = sides["float"][: len(sides[side])]
        ratios, seconds = compare(ones, sides[side], inputs, share * FLAGS.seconds, least)
        result[side] = dataclasses.asdict(ratios)
        result.setdefault("ms_float", round(1000 * seconds, 2))
        spread = f"{ratios.quartiles[0] - 1:+.2%} to {ratios.quartiles[1] - 1:+.2%}"
        spread += f", {ratios.pairs} pairs; processor {ratios.cpu - 1:+.2%}"
        line = f"{shape:>7}  {side:<10} {ratios.median - 1:+8.2%}  (middle half {spread})"
        print(line, flush=True)
    return result


def main(arguments):
    command.no_arguments(arguments)
    if FLAGS.quick:
        FLAGS.model, FLAGS.shapes, FLAGS.seconds, FLAGS.least_pairs = "NeXtVLAD_tiny", ["2x4"], 0.0, 4
    command.import_tensorflow()
    import tensorflow as tf

    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        folders, member = export(folder)
        gc.collect()
        processes = {side: measured(path, FLAGS.shapes[0], 3) for side, path in folders.items()}
        sizes = {side: _bytes(path) for side, path in folders.items()}
        sides = {side: [] for side in folders}
        for side in ("float", "quantized", "quantized", "float"):
            sides[side].append(tf.saved_model.load(folders[side]).signatures["features"])
        sides["noise"] = sides["float"][1:]
        sides |= {way: [dequantized_at_each_call(member, way)] for way in ("cast", "gather")}
        for side, values in processes.items():
            print(f"{side:<10} {sizes[side] / 1e6:,.1f} MB on disk, in a process of its own: {values}", flush=True)
        shapes = {shape: compare_sides(sides, shape) for shape in FLAGS.shapes}
    slowdown, cpu = (max(each["quantized"][key] for each in shapes.values()) - 1 for key in ("median", "cpu"))
    summary = {"load_before": round(load, 1), "model": FLAGS.model, "bytes": sizes, "processes": processes}
    print(
        json.dumps({**summary, "shapes": shapes, "cpu_slowdown_max": round(cpu, 4), "slowdown_max": round(slowdown, 4)})
    )


def _bytes(folder):
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(folder) for name in names)


if __name__ == "__main__":
    command.run(main, __doc__)
