import numpy as np
import pytest

from yt8m_distill.compression import partial_quantization
from yt8m_distill.compression.partial_quantization import (
    CODEBOOKS,
    assign,
    is_converted,
    kmeans_codebook,
    quantile_codebook,
    quantize,
    to_float16,
    uniform_codebook,
)
from yt8m_distill.errors import InputError

every_method = pytest.mark.parametrize("method", CODEBOOKS)


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
    np.testing.assert_array_equal(to_float16("w", values), values.astype("float16"))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("convert", [quantize, to_float16])
def test_numbers_that_are_none_are_refused_by_name(convert, wrong):
    values = normal()
    values[3] = wrong
    with pytest.raises(InputError, match="tower/weights holds 1 values that are NaN or infinite"):
        convert("tower/weights", values)


@pytest.mark.parametrize("convert", [quantize, to_float16])
def test_an_empty_tensor_is_refused_by_name(convert):
    with pytest.raises(InputError, match="tower/weights is empty"):
        convert("tower/weights", np.zeros((0, 3), "float32"))


def test_what_float16_cannot_hold_is_named():
    with pytest.raises(InputError, match=r"tower/weights holds 70000, more than float16"):
        to_float16("tower/weights", np.float32([1, -70_000]))


def test_an_unknown_method_is_named():
    with pytest.raises(InputError, match="'cubic': choose one of uniform, quantile, kmeans"):
        quantize("w", normal(), "cubic")
