import keras
import numpy as np
import pytest
import tensorflow as tf

from yt8m_distill.training.fused_adam import FusedAdam, FusedAdamW

RNG = np.random.default_rng(0)
START = [RNG.normal(size=shape).astype("float32") for shape in ((5, 3), (4,))]
GRADIENTS = [[RNG.normal(scale=scale, size=x.shape).astype("float32") for x in START] for scale in (3, 0.1, 0.0)]
PAIRS = [
    (FusedAdam, keras.optimizers.Adam, {"clipnorm": 1.0}),
    (FusedAdam, keras.optimizers.Adam, {"epsilon": 1e-3, "beta_1": 0.8}),
    (FusedAdamW, keras.optimizers.AdamW, {"weight_decay": 0.1, "clipnorm": 0.5}),
]


def _trained(optimizer_class, options, gradients=GRADIENTS):
    variables = [keras.Variable(x) for x in START]
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    optimizer = optimizer_class(schedule, **options)
    optimizer.build(variables)
    step = tf.function(lambda values: optimizer.apply(values, variables))
    for values in gradients:
        step([tf.constant(value) for value in values])
    return optimizer, variables


@pytest.mark.parametrize(("fused", "plain", "options"), PAIRS)
def test_the_steps_are_those_of_keras(fused, plain, options):
    ours, our_variables = _trained(fused, options)
    theirs, their_variables = _trained(plain, options)
    for mine, other in zip([*ours.variables, *our_variables], [*theirs.variables, *their_variables], strict=True):
        np.testing.assert_allclose(mine, other, rtol=5e-5, atol=3e-6)  # 1 - 0.999 in float32


def test_a_checkpoint_of_keras_adam_can_be_taken_up(tmp_path):
    theirs, their_variables = _trained(keras.optimizers.Adam, {}, GRADIENTS[:2])
    path = tf.train.Checkpoint(optimizer=theirs).save(str(tmp_path / "checkpoint"))
    ours, our_variables = _trained(FusedAdam, {}, [])
    tf.train.Checkpoint(optimizer=ours).restore(path).assert_consumed()
    for mine, other in zip(our_variables, their_variables, strict=True):
        mine.assign(other)
    for optimizer, variables in ((ours, our_variables), (theirs, their_variables)):
        optimizer.apply([tf.constant(value) for value in GRADIENTS[2]], variables)
    for mine, other in zip(our_variables, their_variables, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_bfloat16_policies_keep_float32_variables_and_take_bfloat16_gradients():
    variable = keras.Variable(np.ones(3, "float32"))
    optimizer = FusedAdam(0.1, clipnorm=10.0)
    optimizer.apply([tf.constant([1.0, -1.0, 0.0], tf.bfloat16)], [variable])
    np.testing.assert_allclose(variable, [0.9, 1.1, 1.0], rtol=1e-5)
