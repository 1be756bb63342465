import keras
import numpy as np
import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.training.fused_adam import FusedAdam, FusedAdamW
from yt8m_distill.training.optimizers import make_optimizer


def _variables():
    return [keras.Variable(np.zeros(4, np.float32)), keras.Variable(np.zeros(2, np.float32))]


def _steps(gradients, num_replicas=1, **params):
    """How far SGD with learning rate 1 moves two variables."""
    variables = _variables()
    optimizer = make_optimizer(TrainingParams(optimizer="SGD", **params), 1.0, num_replicas)
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    return [-np.asarray(variable.value) for variable in variables]


LONG, SHORT = np.full(4, 3, np.float32), np.full(2, 0.1, np.float32)  # norms 6 and 0.14


def test_each_variable_is_clipped_by_its_own_norm():
    long, short = _steps([LONG, SHORT], clip_gradient_norm=1.0)
    np.testing.assert_allclose(long, LONG / 6, rtol=1e-6)
    np.testing.assert_allclose(short, SHORT, rtol=1e-6)


def test_zero_clips_nothing():
    long, _ = _steps([LONG, SHORT], clip_gradient_norm=0.0)
    np.testing.assert_allclose(long, LONG)


def test_gradients_divided_by_the_replicas_are_clipped_at_a_norm_divided_by_the_replicas():
    long, short = _steps([LONG / 4, SHORT / 4], num_replicas=4, clip_gradient_norm=1.0)
    np.testing.assert_allclose(4 * long, LONG / 6, rtol=1e-6)
    np.testing.assert_allclose(4 * short, SHORT, rtol=1e-6)


def test_weight_decay_shrinks_weights_without_a_gradient():
    variable = keras.Variable(np.full(3, 2, np.float32))
    optimizer = make_optimizer(TrainingParams(optimizer="SGD", weight_decay=0.1), 0.5)
    optimizer.apply([keras.ops.zeros(3)], [variable])
    np.testing.assert_allclose(np.asarray(variable.value), 2 * (1 - 0.5 * 0.1), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AdamOptimizer", FusedAdam),
        ("adamw", FusedAdamW),
        ("RMSPropOptimizer", keras.optimizers.RMSprop),
        ("GradientDescentOptimizer", keras.optimizers.SGD),
        ("Adagrad", keras.optimizers.Adagrad),
    ],
)
def test_the_starter_codes_names_are_understood(name, expected):
    assert type(make_optimizer(TrainingParams(optimizer=name), 0.1)) is expected


@pytest.mark.parametrize("name", ["Adma", "Optimizer", "", "LossScaleOptimizer", "schedules", "deserialize"])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(InputError, match=r"--optimizer=.*expected one of .*Adam, AdamW, .*SGD"):
        make_optimizer(TrainingParams(optimizer=name), 0.1)


def test_float16_scales_the_loss():
    optimizer = make_optimizer(TrainingParams(mixed_precision="mixed_float16", optimizer="SGD"), 0.1)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert optimizer.inner_optimizer.clipnorm == 1.0
