"""Times a training step of NetVLAD and of Fisher vectors: this project's layers against a plain transcription of the
formulas, which counts padded frames.

Forward and backward through the layer alone, in one tf.function a side, for 32 videos of 300 frames of 1024 values: the
gradients of the weights and of the frames, which the batch norm of the input asks for. The sides run in turn in one
process (A B A B ...) and the first round is thrown away. The last line is one JSON object: medians in milliseconds, of
the clock and of CPU in all threads, and ratios as medians over the rounds; below 1 ours is faster. On a machine that
others share, read the CPU time. One minute and a half: python benchmarks/vlad.py
"""

import json
import os
import statistics
import time

import numpy as np
from absl import flags

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_VIDEOS, _ROWS, _SIZE = 32, 300, 1024
_CASES = (("netvlad", 64), ("netvlad", 192), ("fisher_vector", 64))

flags.DEFINE_integer("rounds", 7, "Times that each side runs, after one that does not count.", lower_bound=1)


class PlainLayer:
    """The formulas one after the other: soft assignment, sums, norms."""

    def __init__(self, clusters):
        import tensorflow as tf

        def normal(*shape):
            return tf.Variable(tf.random.normal(shape, stddev=_SIZE**-0.5, seed=0))

        self.clusters = clusters
        self.kernel, self.centres, self.covariance = (normal(_SIZE, clusters) for _ in range(3))
        self.covariance.assign_add(tf.ones_like(self.covariance))
        self.gamma, self.beta = tf.Variable(tf.ones(clusters)), tf.Variable(tf.zeros(clusters))
        self.moving = [tf.Variable(tf.zeros(clusters), trainable=False) for _ in range(2)]

    def assign(self, frames):
        import tensorflow as tf

        scores = tf.matmul(tf.reshape(frames, (-1, _SIZE)), self.kernel)
        moments = tf.nn.moments(scores, axes=[0])
        for moving, moment in zip(self.moving, moments, strict=True):
            moving.assign(0.999 * moving + 0.001 * moment)
        scores = tf.nn.batch_normalization(scores, *moments, self.beta, self.gamma, 1e-3)
        return tf.reshape(tf.nn.softmax(scores), (-1, _ROWS, self.clusters))

    def sums(self, assignment, frames):
        import tensorflow as tf

        return tf.transpose(tf.matmul(tf.transpose(assignment, (0, 2, 1)), frames), (0, 2, 1))

    def flat(self, vlad):
        import tensorflow as tf

        return tf.nn.l2_normalize(tf.reshape(vlad, (-1, _SIZE * self.clusters)), axis=1)


class PlainNetVLAD(PlainLayer):
    def __call__(self, frames, num_frames, training):
        import tensorflow as tf

        assignment = self.assign(frames)
        mass = tf.reduce_sum(assignment, axis=1, keepdims=True)
        return self.flat(tf.nn.l2_normalize(self.sums(assignment, frames) - mass * self.centres, axis=1))

    @property
    def trainable_variables(self):
        return [self.kernel, self.centres, self.gamma, self.beta]


class PlainFisherVector(PlainLayer):
    def __call__(self, frames, num_frames, training):
        import tensorflow as tf

        assignment = self.assign(frames)
        mass = tf.reduce_sum(assignment, axis=1, keepdims=True)
        deviation = tf.square(self.covariance) + 1e-6
        sums, squares = self.sums(assignment, frames), self.sums(assignment, tf.square(frames))
        first = (sums - mass * self.centres) / deviation
        second = mass * tf.square(self.centres) + squares - 2.0 * sums * self.centres
        second = second / tf.square(deviation) - mass
        return tf.concat([self.flat(tf.nn.l2_normalize(first, axis=1)), self.flat(second)], axis=1)

    @property
    def trainable_variables(self):
        return [self.kernel, self.centres, self.covariance, self.gamma, self.beta]


def layers(kind, clusters):
    """{side: layer}."""
    from yt8m_distill.layers.fisher_vector import FisherVector
    from yt8m_distill.layers.netvlad import NetVLAD

    if kind == "netvlad":
        plain, ours = PlainNetVLAD(clusters), NetVLAD(clusters)
    else:
        plain, ours = PlainFisherVector(clusters), FisherVector(clusters, couple_weights=False)
    ours.build((None, None, _SIZE))
    return {"plain": plain, "ours": ours}


def training_step(layer):
    """A tf.function of frames, num_frames and the gradient that reaches the descriptor."""
    import tensorflow as tf

    @tf.function
    def step(frames, num_frames, above):
        with tf.GradientTape() as tape:
            tape.watch(frames)
            loss = tf.reduce_sum(layer(frames, num_frames, training=True) * above)
        weights = [v if isinstance(v, tf.Variable) else v.value for v in layer.trainable_variables]
        return tape.gradient(loss, [frames, *weights])

    return step


def measure(kind, clusters, rounds):
    """{side: (milliseconds, CPU milliseconds) of each round}, the sides in turn."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    frames = tf.constant(rng.normal(size=(_VIDEOS, _ROWS, _SIZE)).astype("float32"))
    num_frames = tf.constant(rng.integers(120, _ROWS + 1, _VIDEOS).astype("int32"))
    sides = layers(kind, clusters)
    width = sides["ours"].compute_output_shape((None, None, _SIZE))[-1]
    above = tf.constant(rng.normal(size=(_VIDEOS, width)).astype("float32"))
    steps = {side: training_step(layer) for side, layer in sides.items()}
    times = {side: [] for side in steps}
    for number in range(rounds + 1):
        for side, step in steps.items():
            taken = _time(step, frames, num_frames, above)
            if number:
                times[side].append(taken)
    return times


def _time(step, *arguments):
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(3):
        step(*arguments)
    return (time.perf_counter() - start) / 0.003, (time.process_time() - cpu_start) / 0.003


def summarize(times):
    """Medians a side, and ours over plain round by round."""
    columns = {side: list(zip(*rows, strict=True)) for side, rows in times.items()}
    results = {}
    for index, clock in enumerate(("ms", "cpu_ms")):
        results[clock] = {side: round(statistics.median(column[index])) for side, column in columns.items()}
        ratios = [o / p for o, p in zip(columns["ours"][index], columns["plain"][index], strict=True)]
        results[f"{clock}_ratio"] = round(statistics.median(ratios), 2)
    return results


def main(arguments):
    command.no_arguments(arguments)
    load = os.getloadavg()[0]
    results = {f"{kind}_{clusters}": summarize(measure(kind, clusters, FLAGS.rounds)) for kind, clusters in _CASES}
    for case, figures in results.items():
        print(f"{case:20} {figures}")
    print(json.dumps({"load_before": round(load, 1), **results}))


if __name__ == "__main__":
    command.run(main, __doc__)
