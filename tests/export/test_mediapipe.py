import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from made_runs import FRAME, VIDEO

from yt8m_distill.data.batches import view
from yt8m_distill.errors import InputError
from yt8m_distill.export.mediapipe import float_view, mediapipe_endpoint, require_frames, split_features

LENGTHS = [14, 12, 7, 1, 0]


def _videos(rows=14):
    """Bytes of five videos: {name: uint8 (5, rows, size)} and num_frames."""
    random = np.random.default_rng(0)
    bytes_of = {
        name: random.integers(0, 256, (5, rows, size)).astype(np.uint8) for name, size in (("rgb", 16), ("audio", 8))
    }
    return {**bytes_of, "num_frames": np.array(LENGTHS, np.int32)}


def _side_by_side(videos, spec):
    """The frames as MediaPipe would have them: floats, and anything at all behind the last one."""
    frames = np.concatenate([videos[name] for name in spec.names], axis=-1) * np.float32(4 / 255) + (4 / 512 - 2)
    frames[np.arange(frames.shape[1])[None] >= videos["num_frames"][:, None]] = np.nan
    return frames.astype(np.float32)


@pytest.mark.parametrize("sampling", [{}, {"sampled_frames": 5}, {"sampled_frames": 4, "frame_sampler": "last"}])
def test_models_see_the_frames_that_they_see_of_bytes(sampling):
    spec = dataclasses.replace(FRAME, names=("audio", "rgb"), sizes=(8, 16), **sampling)
    source, videos = dataclasses.replace(FRAME, max_frames=14), _videos()
    batch = split_features(_side_by_side(videos, source), videos["num_frames"], source)
    seen = float_view(batch, spec)
    expected = view({name: tf.constant(values) for name, values in videos.items()}, spec, source)
    assert list(seen) == ["audio", "rgb", "num_frames"]
    np.testing.assert_array_equal(seen["num_frames"], expected["num_frames"])
    for name in spec.names:
        rows = seen[name].shape[1]
        there = np.arange(rows)[None] < expected["num_frames"].numpy()[:, None]
        floats = expected[name].numpy()[:, :rows] * (4 / 255) + 4 / 512 - 2
        np.testing.assert_allclose(seen[name], np.where(there[:, :, None], floats, 0), atol=1e-5)


def test_num_frames_past_the_rows_do_not_count():
    batch = split_features(tf.ones([2, 3, 24]), tf.constant([9, -1]), FRAME)
    assert batch["num_frames"].numpy().tolist() == [3, 0]
    assert batch["audio"].numpy().sum(axis=(1, 2)).tolist() == [24, 0]


def test_the_signature_has_the_starter_codes_names():
    endpoint = mediapipe_endpoint(lambda batch: batch["rgb"][:, 0, :12], FRAME)
    rgb_and_audio, num_frames = endpoint.input_signature
    assert (rgb_and_audio.name, rgb_and_audio.dtype, rgb_and_audio.shape[-1]) == ("rgb_and_audio", tf.float32, 24)
    assert (num_frames.name, num_frames.dtype, num_frames.shape.as_list()) == ("num_frames", tf.int32, [None, 1])
    assert endpoint(tf.ones([2, 3, 24]), tf.constant([[1], [3]]))["predictions"].shape == (2, 12)


def test_models_of_video_level_features_have_no_such_form():
    with pytest.raises(InputError, match="MediaPipe feeds frames"):
        require_frames(VIDEO)
