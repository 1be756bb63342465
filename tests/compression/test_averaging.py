import numpy as np
import pytest

from yt8m_distill.compression.averaging import average
from yt8m_distill.errors import InputError


def test_floats_are_averaged_and_keep_their_dtype():
    first = {"w": np.array([1.0, 2.0], "float32"), "h": np.array([1.0], "float16")}
    second = {"w": np.array([3.0, 6.0], "float32"), "h": np.array([2.0], "float16")}
    mean = average(iter([first, second]))
    np.testing.assert_array_equal(mean["w"], [2.0, 4.0])
    np.testing.assert_array_equal(mean["h"], [1.5])
    assert {name: str(array.dtype) for name, array in mean.items()} == {"w": "float32", "h": "float16"}


def test_half_precision_is_added_up_in_float32():
    checkpoints = [{"w": np.full(3, 60_000, "float16")}] * 4
    np.testing.assert_array_equal(average(checkpoints)["w"], np.full(3, 60_000, "float16"))


def test_counters_are_the_last_checkpoints():
    assert average([{"step": np.array(10)}, {"step": np.array(20)}])["step"] == 20


def test_the_mean_of_one_is_itself():
    array = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(average([{"w": array}])["w"], array)


@pytest.mark.parametrize(
    ("checkpoints", "message"),
    [
        ([], "no checkpoint"),
        ([{"a": np.zeros(2)}, {"b": np.zeros(2)}], "Checkpoint 2 and checkpoint 1 do not both have a, b"),
        ([{"a": np.zeros(2)}, {"a": np.zeros(2)}, {"a": np.zeros(1)}], r"a is \(1,\) in checkpoint 3"),
    ],
)
def test_checkpoints_of_different_models_are_named(checkpoints, message):
    with pytest.raises(InputError, match=message):
        average(checkpoints)
