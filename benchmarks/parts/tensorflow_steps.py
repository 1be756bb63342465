"""Forward and training steps with TensorFlow: tf.function without XLA; `Steps` is as in jax_steps.py."""

import gc

import tensorflow as tf
from keras import ops
from parts.process_memory import peak_memory, reset_peak_memory

from yt8m_distill.losses import cross_entropy

tf.get_logger().setLevel("ERROR")  # one function a row is meant, not retracing


class Steps:
    """The steps of a model, and the device that makes them; see the module."""

    def __init__(self):
        self._left_over = 0

    @property
    def memory_is(self):
        if self.has_gpu():
            return "largest sum of allocations, without what TensorFlow still holds of earlier training steps"
        return "peak of the process, with what TensorFlow still holds of earlier training steps"

    def device(self):
        gpus = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "cpu"

    def has_gpu(self):
        return bool(tf.config.list_physical_devices("GPU"))

    def set_precision(self, name):
        tf.config.experimental.enable_tensor_float_32_execution(name == "tf32")

    def forward(self, model, batch):
        return tf.function(lambda: model(batch, training=False)["predictions"])

    def train(self, model, optimizer, batch, labels):
        variables = model.trainable_variables

        @tf.function
        def advance():
            with tf.GradientTape() as tape:
                loss = _loss(labels, model(batch, training=True))
            optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
            return loss

        return advance

    def wait(self, result):
        tf.test.experimental.sync_devices()

    def reset_memory(self):
        tf.config.experimental.reset_memory_stats("GPU:0") if self.has_gpu() else reset_peak_memory()

    def memory(self):
        if not self.has_gpu():
            return peak_memory()
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] - self._left_over

    def release(self):
        gc.collect()
        if self.has_gpu():  # the graph of a training step outlives its function, and its weights with it
            self._left_over = tf.config.experimental.get_memory_info("GPU:0")["current"]


def _loss(labels, outputs):
    return ops.mean(cross_entropy(labels, outputs["predictions"]))
