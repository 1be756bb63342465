"""Forward and training steps with JAX: jax.jit; the training step gives its weights and moments back in place.

A backend's `Steps` offers `device()`, `has_gpu()`, `set_precision(name)`, `forward(model, batch)` and `train(model,
optimizer, batch, labels)`, which return functions without arguments, `wait(result)`, `reset_memory()`, `memory()`
(bytes) and `release()`. The arrays given to `forward` and `train` lie on the device already. After `train` the model's
own variables may hold no values any more.
"""

import gc

import jax
from keras import ops

from yt8m_distill.losses import cross_entropy


class Steps:
    """The steps of a model, and the device that makes them; see the module."""

    memory_is = "arguments, results and temporaries of the compiled step"

    def device(self):
        return jax.devices()[0].device_kind

    def has_gpu(self):
        return jax.default_backend() == "gpu"

    def set_precision(self, name):
        jax.config.update("jax_default_matmul_precision", "tensorfloat32" if name == "tf32" else "float32")

    def forward(self, model, batch):
        def predict(trainable, others, batch):
            return model.stateless_call(trainable, others, batch, training=False)[0]["predictions"]

        state = [[v.value for v in variables] for variables in _weights(model)]
        compiled = self._compile(predict, *state, batch)
        return lambda: compiled(*state, batch)

    def train(self, model, optimizer, batch, labels):
        def loss_of(trainable, others, batch, labels):
            outputs, others = model.stateless_call(trainable, others, batch, training=True)
            return _loss(labels, outputs), others

        def step(trainable, others, moments, batch, labels):
            (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable, others, batch, labels)
            trainable, moments = optimizer.stateless_apply(moments, gradients, trainable)
            return loss, trainable, others, moments

        state = [[v.value for v in variables] for variables in (*_weights(model), optimizer.variables)]
        compiled = self._compile(step, *state, batch, labels, donated=(0, 1, 2))

        def advance():
            loss, *state[:] = compiled(*state, batch, labels)
            return loss

        return advance

    def _compile(self, function, *arguments, donated=()):
        compiled = jax.jit(function, donate_argnums=donated).lower(*arguments).compile()
        sizes = compiled.memory_analysis()
        in_place = sizes.alias_size_in_bytes
        self._memory = sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes - in_place
        return compiled

    def wait(self, result):
        jax.block_until_ready(result)

    def reset_memory(self):
        self._memory = 0

    def memory(self):
        return self._memory

    def release(self):
        gc.collect()
        jax.clear_caches()


def _loss(labels, outputs):
    return ops.mean(cross_entropy(labels, outputs["predictions"]))


def _weights(model):
    return model.trainable_variables, model.non_trainable_variables
