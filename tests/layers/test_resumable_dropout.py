import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.resumable_dropout import ResumableDropout

X = np.ones((4, 50), "float32")


def test_a_restored_checkpoint_draws_the_masks_that_would_have_come_next(tmp_path):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow checkpoints need its backend")
    layer = ResumableDropout(0.5)
    layer(X, training=True)
    path = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "ckpt"))
    following = [ops.convert_to_numpy(layer(X, training=True)) for _ in range(2)]
    assert (following[0] != following[1]).any()
    other = ResumableDropout(0.5)
    tf.train.Checkpoint(layer=other).read(path).assert_consumed()
    for expected in following:
        np.testing.assert_array_equal(other(X, training=True), expected)


def test_the_state_is_no_parameter():
    assert ResumableDropout(0.5).count_params() == 0
