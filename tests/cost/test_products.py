import threading

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.cost.products import ProductCounter


def count(function):
    """{name of the layer, or None: multiply-adds of each product} of what the function does."""
    counter = ProductCounter()
    with counter.counting():
        function()
    return {layer and layer.name: found for layer, found in counter.found.items()}


def ones(*shape):
    return ops.ones(shape)


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda: ops.matmul(ones(3, 4), ones(4, 5)), 3 * 4 * 5),
        (lambda: ops.matmul(ones(2, 3, 4), ones(4, 5)), 2 * 3 * 4 * 5),
        (lambda: ops.matmul(ones(7, 1, 3, 4), ones(2, 4, 5)), 7 * 2 * 3 * 4 * 5),
        (lambda: ops.matmul(ones(4), ones(4, 5)), 4 * 5),
        (lambda: ops.dot(ones(2, 3, 4), ones(4, 5)), 2 * 3 * 4 * 5),
        (lambda: ops.tensordot(ones(2, 3, 4), ones(3, 4, 5)), 2 * 3 * 4 * 5),
        (lambda: ops.tensordot(ones(2, 3, 4), ones(5, 3), axes=[[1], [1]]), 2 * 3 * 4 * 5),
        (lambda: ops.tensordot(ones(2, 4), ones(4, 5), axes=1), 2 * 4 * 5),
        (lambda: ops.tensordot(ones(2, 4), ones(4, 5), axes=(1, 0)), 2 * 4 * 5),
        (lambda: ops.einsum("btf,btk->bfk", ones(2, 3, 4), ones(2, 3, 5)), 2 * 3 * 4 * 5),
        (lambda: ops.einsum("b i, i o -> b o", ones(2, 3), ones(3, 5)), 2 * 3 * 5),
        (lambda: ops.conv(ones(2, 10, 4), ones(3, 4, 5), padding="valid"), 2 * 8 * 3 * 4 * 5),
        (lambda: ops.matmul(ones(0, 4), ones(4, 5)), 0),
    ],
)
def test_a_product_counts_its_multiply_adds(function, expected):
    assert count(function) == {None: [expected]}


def test_sums_norms_and_products_of_numbers_count_nothing():
    assert count(lambda: ops.softmax(ones(3, 4) * ops.sum(ones(3, 4)) + 1)) == {}


def test_a_loop_counts_its_body_as_often_as_it_runs():
    def outer(state, row):
        inner = ops.scan(lambda h, x: (ops.matmul(h, ones(4, 4)), h), state, ones(5, 2, 4))[0]
        return ops.matmul(inner, ones(4, 4)) + row, None

    found = count(lambda: ops.scan(outer, ones(2, 4), ones(3, 2, 4)))
    assert found == {None: [3 * 5 * 32, 3 * 32]}


def test_a_counted_loop_gives_the_shapes_of_a_real_one():
    def step(carry, row):
        a, b = carry
        return (a + ops.sum(row[0]), b), (a, row[1] * b)

    def loop():
        return ops.scan(step, (ops.zeros(()), ones(2)), (ones(6, 3), ones(6, 2)))

    counter = ProductCounter()
    with counter.counting():
        counted = loop()
    real = loop()
    shapes = keras.tree.map_structure(lambda x: tuple(x.shape), counted)
    assert shapes == keras.tree.map_structure(lambda x: tuple(x.shape), real)


def test_a_loop_without_rows_counts_nothing():
    assert count(lambda: ops.scan(lambda h, x: (ops.matmul(h, x), None), ones(2, 4), ones(0, 4, 4))) == {None: [0]}


def test_products_belong_to_the_innermost_layer():
    class Outer(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = keras.layers.Dense(5, name="first")
            self.second = keras.layers.Dense(6, name="second")

        def call(self, inputs):
            return ops.matmul(self.second(self.first(inputs)), ops.ones((6, 7)))

    model = keras.Sequential([Outer(name="outer")])
    model.build((None, 4))
    found = count(lambda: model(ones(2, 4)))
    assert found == {"first": [2 * 4 * 5], "second": [2 * 5 * 6], "outer": [2 * 6 * 7]}


@pytest.mark.parametrize(
    "function",
    [
        lambda: ops.while_loop(lambda i: i < 3, lambda i: (i + 1,), (0,)),
        lambda: ops.vdot(ones(3), ones(3)),
        lambda: ops.einsum("...i,ij->...j", ones(2, 3), ones(3, 4)),
        lambda: keras.layers.LSTM(3)(ones(2, 3, 4)),
    ],
)
def test_what_cannot_be_counted_raises(function):
    with pytest.raises(NotImplementedError, match="counted"):
        count(function)


def test_nothing_is_left_behind():
    before = (ops.matmul, ops.scan, ops.while_loop, keras.layers.Layer.__call__)
    with pytest.raises(ZeroDivisionError):
        count(lambda: 1 / 0)
    assert (ops.matmul, ops.scan, ops.while_loop, keras.layers.Layer.__call__) == before


def test_other_threads_are_left_alone():
    results = []

    def elsewhere():
        results.append(ops.vdot(ones(3), ones(3)))
        ops.matmul(ones(3, 3), ones(3, 3))

    def run():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    assert count(run) == {}
    np.testing.assert_allclose(results, [3.0])
