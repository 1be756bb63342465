import math

import keras
import pytest

from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.training.schedules import HalfCosine, StaircaseDecay, make_schedule


def test_exponential_decay_goes_by_examples():
    params = TrainingParams(
        base_learning_rate=0.01, learning_rate_decay=0.5, learning_rate_decay_examples=1000, batch_size=100
    )
    schedule = make_schedule(params, total_steps=None)
    assert [float(schedule(step)) for step in (0, 9, 10, 19, 20)] == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025])


def test_cosine_falls_from_the_base_to_zero_and_stays_there():
    params = TrainingParams(base_learning_rate=0.2, learning_rate_schedule="cosine")
    schedule = make_schedule(params, total_steps=8)
    expected = [0.1 * (1 + math.cos(math.pi * step / 8)) for step in range(9)]
    assert [float(schedule(step)) for step in range(9)] == pytest.approx(expected, abs=1e-7)
    assert float(schedule(100)) == pytest.approx(0, abs=1e-7)


def test_cosine_over_no_steps_is_a_number():
    params = TrainingParams(base_learning_rate=0.2, learning_rate_schedule="cosine")
    assert float(make_schedule(params, total_steps=0)(0)) == pytest.approx(0.2)


@pytest.mark.parametrize("kind", ["exponential", "cosine"])
def test_warm_up_rises_linearly_to_the_schedule(kind):
    options = {"base_learning_rate": 0.1, "learning_rate_schedule": kind}
    plain = make_schedule(TrainingParams(**options), 1000)
    warmed = make_schedule(TrainingParams(**options, warmup_steps=4), 1000)
    for step in range(8):
        assert float(warmed(step)) == pytest.approx(float(plain(step)) * min((step + 1) / 4, 1))


@pytest.mark.parametrize("schedule", [StaircaseDecay(0.1, 0.9, 7.5, 3), HalfCosine(0.1, 50, 3)])
def test_a_schedule_survives_serialization(schedule):
    config = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(config)
    assert [float(again(step)) for step in range(40)] == [float(schedule(step)) for step in range(40)]
