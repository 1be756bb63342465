import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.hierarchical_lstm import HierarchicalLSTM

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(5, 12, 3)).astype("float32")
NUM_FRAMES = np.array([12, 7, 3, 1, 0], "int32")


def built(chunks=4, max_frames=12, depth=2):
    layer = HierarchicalLSTM(4, depth, chunks, max_frames)
    layer.build((None, None, 3))
    return layer


def run(layer, frames, num_frames):
    return ops.convert_to_numpy(layer(frames, np.asarray(num_frames, "int32")))


def test_a_video_is_read_chunk_by_chunk():
    layer = built()
    outputs = run(layer, FRAMES, NUM_FRAMES)
    assert layer.compute_output_shape(FRAMES.shape) == outputs.shape == (5, 16)
    for row, count in enumerate(NUM_FRAMES[:-1]):
        starts = range(0, count, 3)
        chunks = [FRAMES[row : row + 1, start : min(start + 3, count)] for start in starts]
        codes = [run(layer.lower, chunk, [chunk.shape[1]]) for chunk in chunks]
        expected = run(layer.upper, np.stack(codes, axis=1), [len(chunks)])
        np.testing.assert_allclose(outputs[row], expected[0], atol=1e-6)
    np.testing.assert_array_equal(outputs[-1], np.zeros(16))


def test_the_states_after_the_chunks_are_the_final_states_of_a_shorter_video():
    layer = built()
    final, states, frames_read = (ops.convert_to_numpy(x) for x in layer(FRAMES, NUM_FRAMES, return_states=True))
    np.testing.assert_array_equal(final, run(layer, FRAMES, NUM_FRAMES))
    np.testing.assert_array_equal(frames_read, [3, 6, 9, 12])
    for index, end in enumerate(frames_read):
        begun = end - 3 < NUM_FRAMES
        expected = run(layer, FRAMES, np.minimum(NUM_FRAMES, end))[begun]
        np.testing.assert_allclose(states[begun, index], expected, atol=1e-6)
        np.testing.assert_array_equal(states[~begun, index], np.zeros((sum(~begun), 16)))


def test_a_short_batch_has_fewer_chunks():
    final, states, frames_read = built()(FRAMES[:, :4], np.minimum(NUM_FRAMES, 4), return_states=True)
    assert (final.shape, states.shape, list(frames_read)) == ((5, 16), (5, 2, 16), [3, 6])


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 10])
def test_the_chunks_do_not_depend_on_the_rows_of_the_batch(rows):
    layer = built()
    num_frames = np.minimum(NUM_FRAMES, rows)
    np.testing.assert_allclose(
        run(layer, FRAMES[:, :rows], num_frames), run(layer, FRAMES, num_frames), rtol=1e-5, atol=1e-6
    )


def test_frames_after_the_last_chunk_are_left_out():
    layer = built(chunks=2, max_frames=6)
    expected = run(layer, FRAMES[:, :6], np.minimum(NUM_FRAMES, 6))
    np.testing.assert_array_equal(run(layer, FRAMES, NUM_FRAMES), expected)


@pytest.mark.parametrize("shape", [(2, 0, 3), (0, 5, 3)])
def test_nothing_to_read_gives_zeros(shape):
    outputs = run(built(), np.zeros(shape, "float32"), np.zeros(shape[0]))
    np.testing.assert_array_equal(outputs, np.zeros((shape[0], 16)))


@pytest.mark.parametrize("options", [{"chunks": 5}, {"chunks": 0}, {"max_frames": 0}, {"depth": 0}])
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="at least 1 and chunks must divide max_frames"):
        built(**options)
