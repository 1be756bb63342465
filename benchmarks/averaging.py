"""Times training steps with and without a moving average of the weights, of models of 90 million weights.

Both steps train one model in one process and take turns (A B A B ...): forward, backward, clipping and Adam on videos
in memory; the average alone is timed between them. The last line is one JSON object, of each model `cost`, the share by
which a step takes longer with the average, `average_ms`, the average alone, and `load`, that of the machine beforehand.
The cost is that of the processors' seconds, which is the one to read on a machine that has other work. Two minutes:
python benchmarks/averaging.py
"""

import json
import os
import statistics
import time

from absl import flags

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_DECAY = 0.9997

flags.DEFINE_list("models", ["NeXtVLAD", "NetVLAD"], "Which to time.")
flags.DEFINE_integer("batch_size", 32, "Videos.", lower_bound=1)
flags.DEFINE_integer("num_frames", 300, "Frames of each video.", lower_bound=1)
flags.DEFINE_integer("rounds", 5, "Steps of either kind.", lower_bound=1)


def steps_of(name):
    """({kind: function without arguments}, number of floating-point weights) of a model."""
    import tensorflow as tf
    from parts.random_batches import random_batch

    from yt8m_distill.hyperparameters import registry
    from yt8m_distill.hyperparameters.training import TrainingParams
    from yt8m_distill.models.classifier import build_model
    from yt8m_distill.spec import FeatureSpec
    from yt8m_distill.training.ema import WeightAverage
    from yt8m_distill.training.objective import LabelObjective
    from yt8m_distill.training.optimizers import make_optimizer
    from yt8m_distill.training.step import make_train_step

    spec, params = FeatureSpec(), TrainingParams(batch_size=FLAGS.batch_size)
    model = build_model(registry.model_config(name), spec, seed=0)
    optimizer = make_optimizer(params, params.base_learning_rate)
    optimizer.build(model.trainable_variables)
    average = WeightAverage(model, _DECAY)
    features, _ = random_batch(spec, FLAGS.batch_size, FLAGS.num_frames)
    batch = {**features, "labels": tf.zeros([FLAGS.batch_size, 3], tf.int32)}
    common = LabelObjective(model, spec, params), optimizer, params, tf.distribute.get_strategy()
    plain = make_train_step(*common)
    averaging = make_train_step(*common, average=lambda: average.update(model))
    alone = tf.function(lambda: average.update(model))
    functions = {
        "plain": lambda: plain(batch)[0].numpy(),
        "averaging": lambda: averaging(batch)[0].numpy(),
        "average": lambda: alone() or average.updates.numpy(),
    }
    return functions, sum(shadow.shape.num_elements() for shadow in average.shadows.values())


def measure(name):
    load = os.getloadavg()[0]
    functions, weights = steps_of(name)
    for function in functions.values():
        for _ in range(2):
            function()
    times = {kind: [] for kind in functions}
    for _ in range(FLAGS.rounds):
        for kind, function in functions.items():
            begin = time.perf_counter(), time.process_time()
            function()
            times[kind].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    seconds, cpu_seconds = (
        {kind: statistics.median(pair[clock] for pair in pairs) for kind, pairs in times.items()} for clock in range(2)
    )
    return {
        "weights": weights,
        "step_ms": round(1e3 * seconds["plain"], 1),
        "average_ms": round(1e3 * seconds["average"], 1),
        "cost": round(cpu_seconds["averaging"] / cpu_seconds["plain"] - 1, 4),
        "average_share": round(cpu_seconds["average"] / cpu_seconds["plain"], 4),
        "load": round(load, 1),
    }


def main(arguments):
    command.no_arguments(arguments)
    command.import_tensorflow()
    results = {}
    for name in FLAGS.models:
        results[name] = measure(name)
        print(f"{name}: {results[name]}", flush=True)
    print(json.dumps({"models": results}))


if __name__ == "__main__":
    command.run(main, __doc__)
