"""Frames made around means: the means stay what they are, the frames vary as measured."""

import hashlib

import numpy as np
import pytest
from made_expansions import (
    HIGHEST,
    LOWEST,
    REAL,
    SMALL,
    deviation,
    maker,
    real_like_means,
    values,
)

from tfrecords_tools.expanded_videos import exact_codes, with_sums
from tfrecords_tools.synthetic_labels import draw_num_frames
from tfrecords_tools.synthetic_world import spread_of_means
from yt8m_distill.spec import FeatureSpec


@pytest.fixture(scope="module")
def maker_of_real_size():
    return maker(REAL)


def test_the_frames_mean_is_the_records_to_half_a_code_over_all_frames(maker_of_real_size):
    for number, means in enumerate(real_like_means(40)):
        frames = maker_of_real_size.frames(b"%04d" % number, means)
        assert deviation(frames, means) <= 0.5 + 1e-6
        assert np.max(np.abs(values(frames).mean(axis=0) - means)) <= 2 / 255 / len(frames) + 1e-6


@pytest.mark.parametrize("lengths", [{}, {"max_frames": 1}, {"max_frames": 2}, {"length_scale": 3, "max_frames": 900}])
def test_means_at_the_ends_of_the_range_are_kept(lengths):
    near = [0, 1e-4, 0.004, 0.02, 0.1, 0.3, 0.6, 1]
    means = np.float32([LOWEST + step for step in near] + [HIGHEST - step for step in near] + [0, 0.5, -0.5, 1])
    for spec in (FeatureSpec(("mean_rgb",), (20,), level="video"), FeatureSpec(("mean_audio",), (20,), level="video")):
        at_the_ends = maker(spec, **lengths)
        for number in range(20):
            frames = at_the_ends.frames(b"%d" % number, means)
            assert deviation(frames, means) <= 0.5 + 1e-6


def test_a_video_of_one_frame_is_its_mean_rounded():
    means = real_like_means(1, SMALL)[0]
    frames = maker(max_frames=1).frames(b"abcd", means)
    np.testing.assert_array_equal(frames, np.rint(exact_codes(means))[np.newaxis])


def test_means_past_what_8_bits_hold_get_frames_at_that_end():
    means = np.float32([-9, 9] * 10)
    frames = maker().frames(b"abcd", means)
    assert np.all(frames[:, ::2] == 0) and np.all(frames[:, 1::2] == 255)


def shifted_one_by_one(column, total):
    """The definition: all rows shifted alike, then one row after the other by one more, until the sum is right."""
    low = -int(column.max())
    while np.clip(column + low + 1, 0, 255).sum() <= total and low < 600:
        low += 1
    codes = column + low
    for row in range(len(codes)):
        if np.clip(codes, 0, 255).sum() < total and 0 <= codes[row] < 255:
            codes[row] += 1
    return np.clip(codes, 0, 255)


@pytest.mark.parametrize("rows", [1, 2, 7, 300])
def test_columns_are_shifted_until_their_clipped_sum_is_right(rows):
    random = np.random.default_rng(rows)
    shape = rows, 60
    columns = random.normal(0, 60, shape) + random.choice([0, 300, -200], shape, p=[0.8, 0.1, 0.1])
    columns, sums = np.rint(columns).astype(np.int16), random.integers(0, 255 * rows + 1, 60).astype(np.int32)
    sums[:4] = 0, 255 * rows, 1, 255 * rows - 1
    expected = [shifted_one_by_one(column.astype(int), total) for column, total in zip(columns.T, sums, strict=True)]
    codes = with_sums(columns.copy(), sums)
    np.testing.assert_array_equal(codes.sum(axis=0), sums)
    np.testing.assert_array_equal(codes, np.transpose(expected))


def test_frames_vary_as_measured(maker_of_real_size):
    means = real_like_means(120)
    frames = [values(maker_of_real_size.frames(b"%04d" % number, row)) for number, row in enumerate(means)]
    for feature, within, total in ((slice(0, 1024), 0.786, 1), (slice(1024, None), 1, 1.47)):
        parts = [frame[:, feature] for frame in frames]
        assert abs(np.mean([part.var(axis=0) for part in parts]) - within) < 0.03
        variance = np.mean(np.concatenate(parts) ** 2, axis=0)
        assert abs(variance.mean() - total) < 0.04
        found = [
            np.mean(np.mean(np.concatenate([part[lag:] * part[:-lag] for part in parts]), axis=0) / variance)
            for lag in (1, 2, 3, 5, 9)
        ]
        np.testing.assert_allclose(found, [0.53, 0.46, 0.43, 0.40, 0.35], atol=0.035)


def test_within_variance_rises_along_the_dimensions_as_that_of_the_means_falls(maker_of_real_size):
    frames = [maker_of_real_size.frames(b"%04d" % number, row) for number, row in enumerate(real_like_means(60))]
    within = np.mean([values(frame).var(axis=0) for frame in frames], axis=0)
    expected = 1 - spread_of_means("rgb", 1024) ** 2
    np.testing.assert_allclose(within[:1024].reshape(16, 64).mean(axis=1), expected.reshape(16, 64).mean(1), atol=0.05)
    np.testing.assert_allclose(within[[1024, 1044, 1087, 1151]], [0.17, 0.65, 1.06, 1.54], rtol=0.2)


def test_lengths_are_distributed_as_real_ones():
    one_value = maker(FeatureSpec(("mean_rgb",), (1,), level="video"))
    found = [len(one_value.frames(b"%04d" % number, np.zeros(1, np.float32))) for number in range(2000)]
    expected = draw_num_frames(np.random.default_rng(0), 20000)
    np.testing.assert_allclose(np.quantile(found, [0.05, 0.25, 0.5]), np.quantile(expected, [0.05, 0.25, 0.5]), atol=8)
    assert max(found) == 300 and abs(np.mean(found) - expected.mean()) < 5


def test_lengths_can_be_scaled_and_bounded():
    zeros = np.zeros(20, np.float32)
    short = maker(length_scale=0.2, min_frames=30, max_frames=50)
    found = [len(short.frames(b"%04d" % number, zeros)) for number in range(200)]
    assert (min(found), max(found)) == (30, 50)


def test_the_same_video_and_seed_give_the_same_bytes_on_every_machine():
    means = real_like_means(8, SMALL)
    frames = [maker().frames(b"%04d" % number, row) for number, row in enumerate(means)]
    digest = hashlib.sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()
    assert digest == "fad7b5b63e1884c95d08cc04c0bbbbe0776095d4fabbd8f9bd676fa2f694344b"


def test_another_id_or_seed_gives_other_frames():
    means = np.zeros(20, np.float32)
    one = maker().frames(b"abcd", means)
    np.testing.assert_array_equal(one, maker().frames(b"abcd", means))
    for other in (maker().frames(b"abce", means), maker(seed=1).frames(b"abcd", means)):
        rows = min(len(one), len(other))
        assert np.mean(one[:rows] == other[:rows]) < 0.1
