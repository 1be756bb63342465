import numpy as np
import pytest
import tensorflow as tf
from made_stores import write_store

from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.errors import InputError
from yt8m_distill.training.stored_targets import joined

IDS = [b"a", b"bb", b"?", b"ccc", b"bb"]


def _batches(drop_remainder=False):
    videos = tf.data.Dataset.from_tensor_slices({"id": IDS, "num_frames": tf.range(5)})
    return videos.batch(2, drop_remainder=drop_remainder)


@pytest.mark.parametrize("top_k", [2, 0])
def test_batches_get_what_the_store_holds_of_their_videos(top_k, tmp_path):
    write_store(tmp_path, {"one": [b"ccc", b"a"], "two": [b"bb"]}, top_k, representation_size=3)
    store = SoftLabels(tmp_path)
    batches = list(joined(_batches(), store).as_numpy_iterator())
    assert np.concatenate([batch["num_frames"] for batch in batches]).tolist() == [0, 1, 2, 3, 4]
    expected = store.batch(IDS)
    for key, values in expected.items():
        found = np.concatenate([batch[key] for batch in batches])
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)
    assert expected["teacher_known"].tolist() == [1, 1, 0, 1, 1]


def test_shapes_and_dtypes_are_known_before_the_first_batch(tmp_path):
    write_store(tmp_path, {"one": [b"a"]}, top_k=2, representation_size=3)
    spec = joined(_batches(drop_remainder=True), SoftLabels(tmp_path)).element_spec
    assert {key: (part.dtype, part.shape.as_list()) for key, part in spec.items() if "teacher" in key} == {
        "teacher_classes": (tf.int32, [2, 2]),
        "teacher_scores": (tf.float32, [2, 2]),
        "teacher_rest": (tf.float32, [2]),
        "teacher_known": (tf.float32, [2]),
        "teacher_representation": (tf.float32, [2, 3]),
    }
    assert joined(_batches(), SoftLabels(tmp_path)).element_spec["teacher_scores"].shape.as_list() == [None, 2]


def test_batches_without_ids_cannot_be_joined(tmp_path):
    write_store(tmp_path, {"one": [b"a"]})
    with pytest.raises(InputError, match="ids"):
        joined(_batches().map(lambda batch: {"num_frames": batch["num_frames"]}), SoftLabels(tmp_path))
