import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.frame_sampling import (
    FrameSampling,
    gather_frames,
    random_frame_indices,
    sequence_frame_indices,
)

FRAMES = np.arange(3 * 6 * 2, dtype="uint8").reshape(3, 6, 2)
NUM_FRAMES = np.array([6, 2, 1], "int32")


def test_random_indices_are_truncated_shares_of_the_video():
    uniform = np.array([[0.0, 0.5, 0.9999999], [0.0, 0.5, 0.9999999], [0.3, 0.6, 0.9]], "float32")
    indices = ops.convert_to_numpy(random_frame_indices(uniform, NUM_FRAMES))
    np.testing.assert_array_equal(indices, [[0, 3, 5], [0, 1, 1], [0, 0, 0]])


def test_a_sequence_starts_where_it_still_fits_and_repeats_the_last_frame_of_a_short_video():
    uniform = np.array([[0.99], [0.99], [0.0]], "float32")
    indices = ops.convert_to_numpy(sequence_frame_indices(uniform, NUM_FRAMES, 4))
    np.testing.assert_array_equal(indices, [[2, 3, 4, 5], [0, 1, 1, 1], [0, 0, 0, 0]])


def test_gathered_frames_are_those_of_the_indices():
    indices = np.array([[5, 0], [1, 1], [0, 0]], "int32")
    expected = np.take_along_axis(FRAMES, indices[:, :, None], axis=1)
    np.testing.assert_array_equal(ops.convert_to_numpy(gather_frames(FRAMES, indices)), expected)


def test_a_batch_without_rows_gives_zeros():
    frames = np.zeros((2, 0, 3), "float32")
    gathered = ops.convert_to_numpy(gather_frames(frames, np.zeros((2, 4), "int32")))
    np.testing.assert_array_equal(gathered, np.zeros((2, 4, 3)))


@pytest.mark.parametrize(("with_replacement", "counted"), [(True, [4, 4, 4, 0]), (False, [4, 2, 1, 0])])
def test_training_draws_the_same_frames_of_every_feature_and_never_padding(with_replacement, counted):
    frames = np.concatenate([FRAMES, FRAMES[:1]])
    num_frames = np.append(NUM_FRAMES, 0)
    layer = FrameSampling(4, with_replacement)
    features, count = layer({"rgb": frames, "audio": frames[:, :, :1]}, num_frames, training=True)
    rgb, audio, count = (ops.convert_to_numpy(x) for x in (features["rgb"], features["audio"], count))
    np.testing.assert_array_equal(count, counted)
    np.testing.assert_array_equal(rgb[:, :, :1], audio)
    for video in range(3):
        valid = {tuple(frame) for frame in frames[video, : num_frames[video]]}
        assert {tuple(frame) for frame in rgb[video, : count[video]]} <= valid


def test_every_step_draws_anew_and_evaluation_draws_nothing():
    layer = FrameSampling(5)
    draws = [ops.convert_to_numpy(layer({"x": FRAMES}, NUM_FRAMES, training=True)[0]["x"]) for _ in range(2)]
    assert (draws[0] != draws[1]).any()
    features, count = layer({"x": FRAMES}, NUM_FRAMES)
    np.testing.assert_array_equal(ops.convert_to_numpy(features["x"]), FRAMES)
    np.testing.assert_array_equal(ops.convert_to_numpy(count), NUM_FRAMES)


def test_a_run_of_frames_is_in_order():
    layer = FrameSampling(3, with_replacement=False)
    rows = ops.convert_to_numpy(layer({"x": FRAMES}, NUM_FRAMES, training=True)[0]["x"])[0, :, 0]
    np.testing.assert_array_equal(np.diff(rows.astype(int)), [2, 2])


def test_no_frames_at_all_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        FrameSampling(0)
