import numpy as np
import pytest

from yt8m_distill.data.sampling import fixed_positions, random_positions, video_keys
from yt8m_distill.spec import SAMPLERS

FIXED = [sampler for sampler in SAMPLERS if sampler != "random"]
SIZES = [(300, 30), (300, 1), (7, 30), (5, 5), (300, 299), (31, 2), (31, 4), (31, 5), (60, 7)]


def drawn(max_frames, count, key=7):
    """Row n: the draw of a video of n frames."""
    lengths = np.arange(max_frames + 1)
    return random_positions(np.full(len(lengths), key, np.uint64), lengths, max_frames, count)


def table(sampler, max_frames, count):
    return drawn(max_frames, count) if sampler == "random" else fixed_positions(sampler, max_frames, count)


def row(sampler, num_frames, count, max_frames=None):
    positions = table(sampler, max_frames or num_frames, count)[num_frames]
    return positions[positions >= 0].tolist()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("max_frames, count", SIZES)
def test_positions_ascend_within_the_video_and_none_comes_twice(sampler, max_frames, count):
    positions = table(sampler, max_frames, count)
    assert positions.shape == (max_frames + 1, count) and positions.dtype == np.int32
    stride = -(-max_frames // count)
    for length, given in enumerate(positions):
        kept = given[given >= 0]
        assert len(kept) == (-(-length // stride) if sampler == "every" else min(length, count))
        assert (given[len(kept) :] == -1).all()
        assert (np.diff(kept) > 0).all()
        assert (kept < length).all()


@pytest.mark.parametrize("sampler", [sampler for sampler in SAMPLERS if sampler != "every"])
def test_a_short_video_is_taken_whole(sampler):
    for count in (4, 6, 11):
        for length in range(count + 1):
            assert row(sampler, length, count, max_frames=20) == list(range(length))


def test_uniform_positions_are_equally_spaced():
    assert row("uniform", 300, 30) == list(range(0, 300, 10))
    assert row("uniform", 10, 4) == [0, 2, 5, 7]


def test_every_takes_the_same_distance_in_all_videos():
    assert row("every", 300, 30) == list(range(0, 300, 10))
    assert row("every", 41, 30, max_frames=300) == [0, 10, 20, 30, 40]
    assert row("every", 40, 30, max_frames=300) == [0, 10, 20, 30]
    assert row("every", 1, 30, max_frames=300) == [0]
    assert row("every", 10, 4) == [0, 3, 6, 9]
    assert row("every", 10, 20) == list(range(10))


def test_first_middle_and_last_lie_where_they_say():
    assert row("first", 10, 4) == [0, 1, 2, 3]
    assert row("last", 10, 4) == [6, 7, 8, 9]
    assert row("middle", 10, 4) == [3, 4, 5, 6]
    assert row("middle", 11, 4) == [3, 4, 5, 6]
    assert row("middle", 11, 3) == [4, 5, 6]


def test_a_third_each_and_what_is_left_in_the_middle_or_at_the_ends():
    assert row("first_middle_last", 30, 9) == [0, 1, 2, 13, 14, 15, 27, 28, 29]
    assert row("first_middle_last", 30, 4) == [0, 14, 15, 29]
    assert row("first_middle_last", 30, 5) == [0, 1, 14, 28, 29]
    assert row("first_middle_last", 30, 1) == [14]
    assert row("first_middle_last", 30, 2) == [0, 29]
    assert row("first_middle_last", 10, 9) == [0, 1, 2, 3, 4, 5, 7, 8, 9]


@pytest.mark.parametrize("length, count", [(5, 2), (12, 12), (9, 4)])
def test_every_choice_of_frames_is_equally_likely(length, count):
    videos = 20_000
    keys = video_keys([str(n).encode() for n in range(videos)])
    positions = random_positions(keys, np.full(videos, length), 12, count)
    chosen = (positions[:, :, None] == np.arange(length)).any(axis=1)
    together = chosen.astype(np.float64).T @ chosen / videos
    once, twice = count / length, count * (count - 1) / (length * (length - 1))
    expected = np.where(np.eye(length, dtype=bool), once, twice)
    assert np.abs(together - expected).max() < 5 * np.sqrt(0.25 / videos)


def test_a_draw_depends_on_the_key_and_the_length_alone():
    random = np.random.default_rng(0)
    keys, lengths = random.integers(0, 2**64, 50, np.uint64), random.integers(0, 41, 50)
    together = random_positions(keys, lengths, 40, 6)
    for n in range(50):
        np.testing.assert_array_equal(random_positions(keys[n : n + 1], lengths[n : n + 1], 300, 6)[0], together[n])


def test_draws_are_the_same_on_every_machine():
    keys = video_keys([b"abcd", b"", b"abcd"])
    assert keys.tolist() == [0xED82CD11, 0, 0xED82CD11]
    assert random_positions(keys, [300, 300, 4], 300, 5).tolist() == [
        [54, 88, 159, 242, 275],
        [33, 53, 94, 203, 254],
        [0, 1, 2, 3, -1],
    ]
    assert random_positions(video_keys([b"abcd"], seed=3, epoch=2), [300], 300, 5).tolist() == [[12, 81, 128, 235, 291]]


def test_seed_and_epoch_change_the_keys():
    ids = [b"a", b"b"]
    keys = {tuple(video_keys(ids, seed, epoch).tolist()) for seed in (None, 0, 1) for epoch in range(3)}
    assert len(keys) == 1 + 2 * 3
    assert video_keys(ids, 1, 2).tolist() == video_keys(ids, 1, 2).tolist()
