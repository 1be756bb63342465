"""The learning rate as a function of the step."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("yt8m_distill")
class StaircaseDecay(keras.optimizers.schedules.LearningRateSchedule):
    """`base * decay ** floor(step / decay_steps)`, after a linear warm-up: the starter code's decay by examples."""

    def __init__(self, base, decay, decay_steps, warmup_steps=0):
        self.base, self.decay, self.decay_steps, self.warmup_steps = base, decay, decay_steps, warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        return _warmed(self.base * self.decay ** ops.floor(step / self.decay_steps), step, self.warmup_steps)

    def get_config(self):
        return dict(vars(self))


@keras.saving.register_keras_serializable("yt8m_distill")
class HalfCosine(keras.optimizers.schedules.LearningRateSchedule):
    """`base / 2 * (1 + cos(pi * step / total_steps))`, zero at the end, after a linear warm-up."""

    def __init__(self, base, total_steps, warmup_steps=0):
        self.base, self.total_steps, self.warmup_steps = base, total_steps, warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        done = ops.minimum(step / self.total_steps, 1.0)
        return _warmed(self.base / 2 * (1 + ops.cos(math.pi * done)), step, self.warmup_steps)

    def get_config(self):
        return dict(vars(self))


def _warmed(rate, step, warmup_steps):
    return rate * ops.minimum((step + 1) / warmup_steps, 1.0) if warmup_steps else rate


def make_schedule(params, total_steps):
    """The schedule of a TrainingParams; `total_steps` is read by the cosine alone."""
    if params.learning_rate_schedule == "cosine":
        return HalfCosine(params.base_learning_rate, max(total_steps, 1), params.warmup_steps)
    decay_steps = params.learning_rate_decay_examples / params.batch_size
    return StaircaseDecay(params.base_learning_rate, params.learning_rate_decay, decay_steps, params.warmup_steps)
