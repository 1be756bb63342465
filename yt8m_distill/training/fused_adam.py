"""Adam through TensorFlow's own kernel: one pass over every variable where Keras takes twelve."""

import keras
import tensorflow as tf


class _Fused:
    """What `FusedAdam` and `FusedAdamW` change: how a step is computed, not what it is.

    Slots, their names and the formulas are Keras's, so that a checkpoint of one optimizer is one of the other.
    """

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )

    def _clip_by_norm(self, values, axes=None):
        norm = tf.sqrt(2 * tf.nn.l2_loss(values))
        return values * (self.clipnorm / tf.maximum(norm, self.clipnorm))


class FusedAdam(_Fused, keras.optimizers.Adam):
    """`keras.optimizers.Adam`, for dense gradients."""


class FusedAdamW(_Fused, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`, for dense gradients."""
