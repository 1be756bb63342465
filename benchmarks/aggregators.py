"""Times each family's layer against a plain transcription of its formulas, forward and backward.

The plain side is written below as the references write it (no mask, no folding), on the same weights; both run as one
tf.function, in turn (A B A B ...), and must agree. The last line is one JSON object: median milliseconds of both and
their ratio. python benchmarks/aggregators.py --layers=NetVLAD,LSTM --repeats=5
"""

import json
import statistics
import time

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_list("layers", [], "Of those named in the output; empty for all.")
flags.DEFINE_integer("batch_size", 32, "Videos.", lower_bound=1)
flags.DEFINE_integer("num_frames", 300, "Frames of each video.", lower_bound=1)
flags.DEFINE_integer("size", 1152, "Values of a frame.", lower_bound=8)
flags.DEFINE_integer("clusters", 64, "Clusters; 32 times as many for the bags of frames.", lower_bound=2)
flags.DEFINE_integer("units", 1024, "Units of the recurrent layers.", lower_bound=1)
flags.DEFINE_integer("repeats", 5, "Times that each side runs.", lower_bound=1)


def batch_norm(bn, x):
    import tensorflow as tf

    mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
    return tf.nn.batch_normalization(x, mean, variance, bn.beta, bn.gamma, bn.epsilon)


def assign(layer, x):
    import tensorflow as tf

    return tf.nn.softmax(batch_norm(layer.bn, tf.matmul(x, layer.kernel)))


def vlad(layer, x):
    import tensorflow as tf

    a = assign(layer.assignment, x)
    sums = tf.transpose(tf.matmul(tf.transpose(a, (0, 2, 1)), x), (0, 2, 1))
    residuals = sums - tf.reduce_sum(a, axis=1, keepdims=True) * layer.centres
    flat = tf.reshape(tf.nn.l2_normalize(residuals, 1), (x.shape[0], -1))
    return tf.nn.l2_normalize(flat, 1)


def fisher(layer, x):
    import tensorflow as tf

    a = assign(layer.assignment, x)
    covariance = tf.square(layer.covariance) + 1e-6
    centres = layer.coupling_factor * layer.assignment.kernel
    mass, a = tf.reduce_sum(a, axis=1, keepdims=True), tf.transpose(a, (0, 2, 1))
    first, second = (tf.transpose(tf.matmul(a, y), (0, 2, 1)) for y in (x, tf.square(x)))
    fv1 = tf.nn.l2_normalize((first - mass * centres) / covariance, 1)
    fv2 = (mass * tf.square(centres) + second - 2 * first * centres) / tf.square(covariance) - mass
    return tf.concat([tf.nn.l2_normalize(tf.reshape(fv, (x.shape[0], -1)), 1) for fv in (fv1, fv2)], axis=1)


def nextvlad(layer, x):
    import tensorflow as tf

    batch, frames = x.shape[:2]
    z = layer.expand(x)
    attention = tf.reshape(tf.sigmoid(layer.attention(z)), (batch, frames * layer.groups, 1))
    scores = batch_norm(layer.cluster_bn, tf.matmul(z, layer.cluster_weights))
    a = tf.nn.softmax(tf.reshape(scores, (batch, frames * layer.groups, layer.clusters))) * attention
    z = tf.reshape(z, (batch, frames * layer.groups, layer.width))
    sums = tf.transpose(tf.matmul(tf.transpose(a, (0, 2, 1)), z), (0, 2, 1))
    residuals = sums - tf.reduce_sum(a, axis=1, keepdims=True) * layer.centres
    return batch_norm(layer.vlad_bn, tf.reshape(tf.nn.l2_normalize(residuals, 1), (batch, -1)))


def bag(layer, x):
    import tensorflow as tf

    activation = tf.sigmoid(batch_norm(layer.bn, tf.matmul(x, layer.kernel)))
    return tf.reduce_max(activation, axis=1) if layer.pooling == "max" else tf.reduce_mean(activation, axis=1)


def lstm(layer, x):
    """TensorFlow 1's BasicLSTMCell: one product of [x, h] a frame."""
    import tensorflow as tf

    kernel = tf.concat([layer.kernel, layer.recurrent_kernel], axis=0)

    def step(t, h, c):
        i, j, f, o = tf.split(tf.matmul(tf.concat([x[:, t], h], axis=1), kernel) + layer.bias, 4, axis=1)
        c = c * tf.sigmoid(f + layer.forget_bias) + tf.sigmoid(i) * tf.tanh(j)
        return t + 1, tf.sigmoid(o) * tf.tanh(c), c

    zeros = tf.zeros((x.shape[0], layer.units))
    return tf.while_loop(lambda t, *_: t < x.shape[1], step, (0, zeros, zeros))[1]


def gru(layer, x):
    """TensorFlow 1's GRUCell: two products a frame."""
    import tensorflow as tf

    gates = tf.concat([layer.gates_kernel, layer.gates_recurrent_kernel], axis=0)
    candidate = tf.concat([layer.candidate_kernel, layer.candidate_recurrent_kernel], axis=0)

    def step(t, h):
        sums = tf.sigmoid(tf.matmul(tf.concat([x[:, t], h], axis=1), gates) + layer.gates_bias)
        r, u = tf.split(sums, 2, axis=1)
        new = tf.tanh(tf.matmul(tf.concat([x[:, t], r * h], axis=1), candidate) + layer.candidate_bias)
        return t + 1, u * h + (1 - u) * new

    return tf.while_loop(lambda t, _: t < x.shape[1], step, (0, tf.zeros((x.shape[0], layer.units))))[1]


def layers():
    """{name: (our layer, how its output is called, plain function)}."""
    from yt8m_distill.layers.dbof import DBoF
    from yt8m_distill.layers.fisher_vector import FisherVector
    from yt8m_distill.layers.gru import GRU
    from yt8m_distill.layers.lstm import LSTM
    from yt8m_distill.layers.netvlad import NetVLAD
    from yt8m_distill.layers.nextvlad import NeXtVLAD

    clusters, units = FLAGS.clusters, FLAGS.units

    def trained(layer, x, count):
        return layer(x, count, training=True)

    return {
        "NetVLAD": (NetVLAD(clusters), trained, vlad),
        "FisherVector": (FisherVector(clusters), trained, fisher),
        "NeXtVLAD": (NeXtVLAD(2 * clusters, groups=8), trained, nextvlad),
        "DBoF max": (DBoF(32 * clusters, pooling="max"), trained, bag),
        "DBoF average": (DBoF(32 * clusters, pooling="average"), trained, bag),
        "LSTM": (LSTM(units), lambda layer, x, count: layer(x, count)[1][0], lstm),
        "GRU": (GRU(units), lambda layer, x, count: layer(x, count)[1], gru),
    }


def step_of(function, variables, x, weights):
    """A tf.function: the output and the gradients of all variables (none for those the function does not use)."""
    import tensorflow as tf

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            output = function(x)
            loss = tf.reduce_sum(output * weights)
        return output, [gradient for gradient in tape.gradient(loss, variables) if gradient is not None]

    return step


def compare(name, layer, call, plain):
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(FLAGS.batch_size, FLAGS.num_frames, FLAGS.size)).astype("float32"))
    count = tf.fill((FLAGS.batch_size,), FLAGS.num_frames)
    layer.build(x.shape)
    variables = [variable.value for variable in layer.trainable_variables]
    weights = tf.constant(rng.normal(size=call(layer, x[:1], count[:1]).shape[1:]).astype("float32"))
    steps = {
        "ours": step_of(lambda x: call(layer, x, count), variables, x, weights),
        "plain": step_of(lambda x: plain(layer, x), variables, x, weights),
    }
    outputs = {side: step()[0].numpy() for side, step in steps.items()}
    difference = float(np.abs(outputs["ours"] - outputs["plain"]).max())
    if difference > 1e-3:
        raise ValueError(f"{name} differs from its formulas by {difference}.")
    taken = {side: [] for side in steps}
    for _ in range(FLAGS.repeats):
        for side, step in steps.items():
            begin = time.perf_counter()
            step()[1][0].numpy()
            taken[side].append(time.perf_counter() - begin)
    ours, plain_ms = (1000 * statistics.median(taken[side]) for side in ("ours", "plain"))
    print(f"{name:<14}{ours:9.0f} ms, plain {plain_ms:9.0f} ms, {plain_ms / ours:5.2f} times as fast", flush=True)
    return {"ms": round(ours, 1), "plain_ms": round(plain_ms, 1), "speedup": round(plain_ms / ours, 2)}


def main(arguments):
    command.no_arguments(arguments)
    command.import_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # one function a layer is meant, not retracing
    known = layers()
    if unknown := [name for name in FLAGS.layers if name not in known]:
        raise InputError(f"--layers={','.join(unknown)}: expected some of {', '.join(known)}.")
    results = {name: compare(name, *known[name]) for name in FLAGS.layers or known}
    shape = {"batch_size": FLAGS.batch_size, "num_frames": FLAGS.num_frames, "size": FLAGS.size}
    print(json.dumps({**shape, "layers": results}))


if __name__ == "__main__":
    command.run(main, __doc__)
