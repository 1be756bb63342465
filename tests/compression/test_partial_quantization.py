import numpy as np
import pytest

from yt8m_distill.compression import partial_quantization
from yt8m_distill.compression.partial_quantization import (
    CODEBOOKS,
    METHODS,
    assign,
    bits_of,
    is_converted,
    kmeans_codebook,
    quantile_codebook,
    quantize,
    uniform_codebook,
)
from yt8m_distill.errors import InputError

every_method = pytest.mark.parametrize("method", CODEBOOKS)


every_way = pytest.mark.parametrize("method", METHODS)


def normal(size=5000, seed=0):
    return np.random.default_rng(seed).normal(size=size).astype("float32")


def compared_with_all(values, codebook):
    """What `assign` must give, by comparing every value with every entry."""
    distances = np.abs(values.reshape(-1, 1).astype("float64") - np.asarray(codebook, "float64"))
    return distances.argmin(axis=1).reshape(values.shape)


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [((17_000,), "float32", False), ((17_001,), "float32", True), ((2, 9000), "float32", True)]
    + [((20_000,), dtype, False) for dtype in ("float64", "float16", "int32")],
)
def test_large_float32_variables_are_converted(shape, dtype, expected):
    assert is_converted(np.zeros(shape, dtype)) is expected


@every_method
def test_every_value_becomes_the_nearest_of_the_codebook(method):
    values = normal((50, 100))
    result = quantize("w", values, method)
    assert (result.codes.shape, result.codes.dtype) == (values.shape, np.uint8)
    assert (result.codebook.shape, result.codebook.dtype) == ((256,), np.float32)
    assert (np.diff(result.codebook) >= 0).all()
    np.testing.assert_array_equal(result.codes, compared_with_all(values, CODEBOOKS[method](values)))
    assert result.dequantize().dtype == np.float32
    np.testing.assert_array_equal(result.dequantize(), result.codebook[result.codes])


@every_method
def test_equal_values_are_exact_with_codes_of_zero(method):
    values = np.full((30, 3), 0.37, "float32")
    result = quantize("w", values, method)
    assert not result.codes.any()
    np.testing.assert_array_equal(result.dequantize(), values)


@every_method
def test_few_different_values_are_exact_where_the_codebook_can_hold_them(method):
    values = np.tile(np.float32([-1.0, 0.0, 0.0, 2.0]), 1000)
    result = quantize("w", values, method)
    tolerance = 3 / 255 / 2 if method == "uniform" else 0
    np.testing.assert_allclose(result.dequantize(), values, rtol=0, atol=tolerance)


def test_the_uniform_codebook_has_equal_steps_and_both_ends():
    codebook = uniform_codebook(np.float32([-1, 0.3, 4]))
    np.testing.assert_allclose(codebook, -1 + np.arange(256) * 5 / 255, atol=1e-14)
    assert codebook.dtype == np.float64


def test_the_quantile_codebook_interpolates_linearly():
    np.testing.assert_allclose(quantile_codebook(np.float32([0, 1, 2])), np.arange(256) * 2 / 255, rtol=1e-14)


def squared_error(values, codebook):
    return np.square(codebook[compared_with_all(values, codebook)] - values).sum()


def test_kmeans_loses_less_than_quantiles_and_equal_steps():
    values = normal()
    loss = squared_error(values, kmeans_codebook(values))
    assert loss < 0.1 * squared_error(values, quantile_codebook(values))
    assert loss < 0.5 * squared_error(values, uniform_codebook(values))


def test_an_outlier_takes_one_of_the_kmeans_centres_and_no_more():
    values = normal()
    with_outlier = np.append(values, np.float32(250 * values.max()))
    loss = squared_error(with_outlier, kmeans_codebook(with_outlier))
    assert loss < 1.05 * squared_error(values, kmeans_codebook(values))


def test_kmeans_centres_are_the_means_of_their_clusters():
    values = normal()
    codebook = kmeans_codebook(values)
    codes = compared_with_all(values, codebook)
    means = [values[codes == code].mean(dtype="float64") for code in np.unique(codes)]
    np.testing.assert_allclose(codebook[np.unique(codes)], means, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("values", "codebook", "expected"),
    [
        ([0.5, 1.5, 2.5], [0, 1, 2, 3], [0, 1, 2]),  # halfway: the first
        ([-9, 9], [0, 1, 2], [0, 2]),
        ([1, 0, 2], [0, 1, 1, 1, 2], [1, 0, 4]),  # equal entries: the first
        ([1.4, 1.6], [0, 1, 1, 2, 2], [1, 3]),
        ([3, -3], [1], [0, 0]),
        # Entries a hair apart, at the same rounded distance.
        ([1e9, 3.0], [0, 1e-12, 2e-12, 4.0], [3, 3]),
        ([-1e9], [0, 1e-12, 2e-12, 4.0], [0]),
        ([1e9], [0, 1e-12, 2e-12], [0]),
    ],
)
def test_the_first_of_the_nearest_entries_counts(values, codebook, expected):
    values = np.array(values, "float32")
    np.testing.assert_array_equal(assign(values, codebook), expected)
    np.testing.assert_array_equal(compared_with_all(values, codebook), expected)


@pytest.mark.parametrize("seed", range(5))
def test_assignment_equals_the_comparison_with_all_where_ties_abound(seed):
    random = np.random.default_rng(seed)
    codebook = np.sort(random.integers(-20, 20, 256)).astype("float64")
    values = (random.integers(-100, 100, 3000) / 2).astype("float32")
    np.testing.assert_array_equal(assign(values, codebook), compared_with_all(values, codebook))


def test_chunks_do_not_show(monkeypatch):
    values = normal()
    whole = assign(values, uniform_codebook(values))
    monkeypatch.setattr(partial_quantization, "_CHUNK", 77)
    np.testing.assert_array_equal(assign(values, uniform_codebook(values)), whole)


def test_float16_is_a_plain_cast():
    values = normal()
    np.testing.assert_array_equal(quantize("w", values, "float16").values, values.astype("float16"))


def widest_step(values, method):
    """The largest distance between two neighbours among the values that a method can give."""
    if method == "float16":
        return 2**-9  # of values below 4
    if method.startswith("per_channel"):
        return np.ptp(values, axis=0).max() / (2 ** bits_of(method) - 1)
    return np.diff(CODEBOOKS[method.removesuffix("4")](values, 2 ** bits_of(method))).max()


@every_way
def test_an_error_is_at_most_half_of_the_widest_step(method):
    values = np.clip(normal((100, 50)), -3.9, 3.9)
    quantized = quantize("w", values, method).dequantize()
    slack = 1e-6 if method == "float16" else np.abs(values).max() - np.abs(quantized).max() + 1e-6  # past outer centres
    assert np.abs(quantized - values).max() <= max(widest_step(values, method) / 2, 0) * 1.001 + max(slack, 0)


@every_way
@pytest.mark.parametrize("shape", [(), (1,), (700,), (2, 700), (3, 1, 700)])
def test_every_shape_comes_back_and_takes_no_more_than_its_codes_and_tables(method, shape):
    values = np.asarray(normal(int(np.prod(shape))).reshape(shape), "float32")
    stored = quantize("w", values, method)
    assert stored.dequantize().shape == shape
    tables = 4 * 256 + 4 * 3
    assert stored.num_bytes <= (values.size + 1) * bits_of(method) / 8 + tables


def test_a_channel_that_spans_more_than_float32_is_named():
    values = normal((100, 3))
    values[:2, 1] = -3e38, 3e38
    with pytest.raises(InputError, match="tower/weights has a channel whose values span 6e"):
        quantize("tower/weights", values, "per_channel")


@every_way
def test_a_tensor_takes_the_bits_that_its_method_names(method):
    values = normal((100, 300))
    tables = {"per_channel": 2 * 300 * 4, "float16": 0}.get(method.removesuffix("4"), 4 * 2 ** bits_of(method))
    shape = 4 * 2 if method.endswith("4") else 0
    assert quantize("w", values, method).num_bytes == values.size * bits_of(method) // 8 + tables + shape


@every_way
def test_equal_values_are_exact_in_every_way(method):
    values = np.full((30, 3), 0.375, "float32")
    np.testing.assert_array_equal(quantize("w", values, method).dequantize(), values)


def test_channels_have_ends_of_their_own():
    values = normal((80, 3)) * np.float32([1, 100, 0])
    result = quantize("w", values, "per_channel")
    np.testing.assert_array_equal(result.dequantize().min(axis=0), values.min(axis=0))
    np.testing.assert_allclose(result.dequantize().max(axis=0), values.max(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(result.codes.max(axis=0), [255, 255, 0])


def test_channels_lose_less_than_the_whole_where_their_ranges_differ():
    values = normal((200, 50)) * np.logspace(-2, 0, 50, dtype="float32")
    errors = [
        np.square(quantize("w", values, method).dequantize() - values).sum() for method in ("per_channel", "uniform")
    ]
    assert errors[0] < errors[1] / 4


def test_an_outlier_costs_equal_steps_most():
    values = np.append(normal(), np.float32(250))
    errors = {method: np.square(quantize("w", values, method).dequantize() - values).sum() for method in CODEBOOKS}
    assert errors["kmeans"] < errors["uniform"] / 100
    assert quantize("w", values, "uniform").dequantize()[-1] == 250


@pytest.mark.parametrize("size", [1, 2, 3, 5000])
def test_equal_steps_assign_as_a_comparison_with_all_does(size):
    for values in (normal(size), np.round(normal(size)), normal(size) + 1e6):
        codebook = uniform_codebook(values)
        np.testing.assert_array_equal(quantize("w", values).codes, compared_with_all(values, codebook))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@every_way
def test_numbers_that_are_none_are_refused_by_name(method, wrong):
    values = normal()
    values[3] = wrong
    with pytest.raises(InputError, match="tower/weights holds 1 values that are NaN or infinite"):
        quantize("tower/weights", values, method)


@every_way
def test_an_empty_tensor_is_refused_by_name(method):
    with pytest.raises(InputError, match="tower/weights is empty"):
        quantize("tower/weights", np.zeros((0, 3), "float32"), method)


def test_what_float16_cannot_hold_is_named():
    with pytest.raises(InputError, match=r"tower/weights holds 70000, more than float16"):
        quantize("tower/weights", np.float32([1, -70_000]), "float16")


def test_an_unknown_method_is_named():
    with pytest.raises(InputError, match="'cubic': choose one of uniform, quantile, kmeans"):
        quantize("w", normal(), "cubic")
