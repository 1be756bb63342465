"""NeXtVLAD, NetVLAD, DBoF and H-RNN as reference implementations write them, and their training step.

Every formula stands in the order of its publication, in TensorFlow's own functions: frames are dequantised, padded with
zeros and concatenated as floats, batch norms take the moments of all rows, padding included, and the optimizer is
Keras's Adam after `tf.clip_by_norm` of every gradient. The weights are those of a model of this project.
"""

import keras
import tensorflow as tf


def frames_of(batch):
    """(frames at unit length (batch, frames, 1152), mask (batch, frames)): the readers' part of the references."""
    mask = tf.sequence_mask(batch["num_frames"], tf.shape(batch["rgb"])[1], tf.float32)
    x = tf.concat([tf.cast(batch[name], tf.float32) for name in ("rgb", "audio")], axis=2)
    x = (x * (4 / 255) + (4 / 512 - 2)) * mask[:, :, None]
    return tf.nn.l2_normalize(x, axis=2), mask


def batch_norm(bn, x):
    """Over all rows of (rows, channels), and its moving statistics."""
    mean, variance = tf.nn.moments(x, axes=[0])
    bn.moving_mean.assign(bn.momentum * bn.moving_mean + (1 - bn.momentum) * mean)
    bn.moving_variance.assign(bn.momentum * bn.moving_variance + (1 - bn.momentum) * variance)
    return tf.nn.batch_normalization(x, mean, variance, bn.beta, bn.gamma, bn.epsilon)


def rows_of(x):
    return tf.reshape(x, (-1, x.shape[-1]))


def residuals(a, x, centres):
    """Sums over frames of `a (x - centres)`: (batch, size, clusters)."""
    mass = tf.reduce_sum(a, axis=-2, keepdims=True)
    return tf.transpose(tf.matmul(tf.transpose(a, (0, 2, 1)), x), (0, 2, 1)) - mass * centres


def nextvlad_stream(layer, x, mask):
    frames = x.shape[1]
    z = tf.matmul(x, layer.expand.kernel) + layer.expand.bias
    attention = tf.sigmoid(tf.matmul(z, layer.attention.kernel) + layer.attention.bias) * mask[:, :, None]
    scores = batch_norm(layer.cluster_bn, tf.matmul(rows_of(z), layer.cluster_weights))
    a = tf.nn.softmax(tf.reshape(scores, (-1, frames * layer.groups, layer.clusters)))
    a = a * tf.reshape(attention, (-1, frames * layer.groups, 1))
    vlad = residuals(a, tf.reshape(z, (-1, frames * layer.groups, layer.width)), layer.centres)
    vlad = tf.reshape(tf.nn.l2_normalize(vlad, axis=1), (-1, layer.width * layer.clusters))
    return batch_norm(layer.vlad_bn, vlad)


def nextvlad(model, batch, drop_rate):
    x, mask = frames_of(batch)
    aggregator, gate = model.aggregator, model.head.gate
    streams = [
        nextvlad_stream(layer, part, mask)
        for layer, part in zip(aggregator.streams.values(), tf.split(x, (1024, 128), axis=2), strict=True)
    ]
    descriptor = tf.concat(streams, axis=1)
    descriptor = tf.nn.dropout(descriptor, drop_rate) if drop_rate else descriptor
    h = batch_norm(aggregator.hidden.bn, tf.matmul(descriptor, aggregator.hidden.dense.kernel))
    squeezed = tf.nn.relu(batch_norm(gate.squeeze_bn, tf.matmul(h, gate.squeeze.kernel)))
    return logistic(model.head.classifier, h * tf.sigmoid(tf.matmul(squeezed, gate.excite.kernel)))


def logistic(layer, x):
    penalty = layer.l2_penalty * tf.nn.l2_loss(layer.logits.kernel.value)
    return tf.sigmoid(tf.matmul(x, layer.logits.kernel) + layer.logits.bias), penalty


def mixture_of_experts(layer, x):
    gates = tf.reshape(tf.matmul(x, layer.gates.kernel), (-1, layer.num_mixtures + 1))
    experts = tf.reshape(tf.matmul(x, layer.experts.kernel) + layer.experts.bias, (-1, layer.num_mixtures))
    probabilities = tf.reduce_sum(tf.nn.softmax(gates)[:, :-1] * tf.sigmoid(experts), axis=1)
    penalty = layer.l2_penalty * sum(tf.nn.l2_loss(part.kernel.value) for part in (layer.gates, layer.experts))
    return tf.reshape(probabilities, (-1, layer.num_classes)), penalty


def normalized_input(model, x):
    """Frames of either feature, (rows, size), after the batch norm of the input."""
    rgb, audio = tf.split(rows_of(x), (1024, 128), axis=1)
    return [batch_norm(model.front_end.rgb_bn, rgb), batch_norm(model.front_end.audio_bn, audio)]


def netvlad_stream(layer, x, frames):
    assignment = layer.assignment
    a = tf.nn.softmax(batch_norm(assignment.bn, tf.matmul(x, assignment.kernel)))
    x, a = (tf.reshape(y, (-1, frames, y.shape[-1])) for y in (x, a))
    vlad = tf.nn.l2_normalize(residuals(a, x, layer.centres), axis=1)
    return tf.nn.l2_normalize(tf.reshape(vlad, (-1, vlad.shape[1] * vlad.shape[2])), axis=1)


def netvlad(model, batch, drop_rate):
    x, _ = frames_of(batch)
    streams = zip(model.aggregator.streams.values(), normalized_input(model, x), strict=True)
    descriptor = tf.concat([netvlad_stream(layer, part, x.shape[1]) for layer, part in streams], axis=1)
    hidden = model.aggregator.hidden
    h = tf.nn.relu6(batch_norm(hidden.bn, tf.matmul(descriptor, hidden.dense.kernel)))
    return mixture_of_experts(model.head.classifier, h)


def dbof(model, batch, drop_rate):
    x, _ = frames_of(batch)
    bag, hidden = model.aggregator.bag, model.aggregator.hidden
    scores = tf.matmul(tf.concat(normalized_input(model, x), axis=1), bag.kernel)
    scores = tf.sigmoid(batch_norm(bag.bn, scores))
    pooled = tf.reduce_max(tf.reshape(scores, (-1, x.shape[1], bag.clusters)), axis=1)
    h = tf.sigmoid(batch_norm(hidden.bn, tf.matmul(pooled, hidden.dense.kernel)))
    return mixture_of_experts(model.head.classifier, h)


def stacked_lstm(stack, x):
    """TensorFlow 1's MultiRNNCell of BasicLSTMCells: [c_0, h_0, c_1, h_1, ...] after the last row of x."""
    layers = stack.recurrent_layers
    kernels = [tf.concat([layer.kernel, layer.recurrent_kernel], axis=0) for layer in layers]

    def step(t, *states):
        inputs, new = x[:, t], []
        for layer, kernel, c, h in zip(layers, kernels, states[::2], states[1::2], strict=True):
            sums = tf.matmul(tf.concat([inputs, h], axis=1), kernel) + layer.bias
            i, j, f, o = tf.split(sums, 4, axis=1)
            c = c * tf.sigmoid(f + layer.forget_bias) + tf.sigmoid(i) * tf.tanh(j)
            inputs = tf.sigmoid(o) * tf.tanh(c)
            new += [c, inputs]
        return t + 1, *new

    zeros = tf.zeros((tf.shape(x)[0], stack.units))
    states = tf.while_loop(lambda t, *_: t < tf.shape(x)[1], step, (0, *[zeros] * 2 * stack.depth))
    return tf.concat(states[1:], axis=1)


def hrnn(model, batch, drop_rate):
    x, _ = frames_of(batch)
    hierarchy = model.aggregator.recurrence
    codes = stacked_lstm(hierarchy.lower, tf.reshape(x, (-1, hierarchy.length, x.shape[-1])))
    codes = tf.reshape(codes, (-1, hierarchy.chunks, codes.shape[-1]))
    return mixture_of_experts(model.head.classifier, stacked_lstm(hierarchy.upper, codes))


MODELS = {"NeXtVLAD": nextvlad, "NetVLAD": netvlad, "DBoF": dbof, "HRNN": hrnn}


def cross_entropy(batch, predictions, classes):
    labels = tf.reduce_max(tf.one_hot(batch["labels"], classes), axis=1)
    terms = labels * tf.math.log(predictions + 1e-5) + (1 - labels) * tf.math.log(1 - predictions + 1e-5)
    return tf.reduce_mean(tf.reduce_sum(-terms, axis=1))


def loss_and_gradients(model, batch, drop_rate):
    with tf.GradientTape() as tape:
        predictions, penalty = MODELS[model.name](model, batch, drop_rate)
        loss = cross_entropy(batch, predictions, predictions.shape[-1])
        total = loss + penalty
    return loss, tape.gradient(total, [variable.value for variable in model.trainable_variables])


def make_train_step(model, learning_rate, drop_rate):
    """A tf.function of a batch that updates the weights of `model` and returns the loss."""
    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train_step(batch):
        loss, gradients = loss_and_gradients(model, batch, drop_rate)
        optimizer.apply([tf.clip_by_norm(gradient, 1.0) for gradient in gradients], model.trainable_variables)
        return loss

    return train_step
