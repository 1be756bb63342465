import json

import keras
import numpy as np
import pytest
from made_stores import NUM_CLASSES, TEACHERS, write_store

from yt8m_distill.distillation.soft_label_files import StoreSettings
from yt8m_distill.distillation.soft_labels import SoftLabels, dense_scores
from yt8m_distill.errors import InputError

SHARDS = {"b.tfrecord": [b"zebra", b"ab", b"q7"], "a.tfrecord": [b"abc", b"Ab"], "none.tfrecord": []}
ASKED = [b"ab", b"unknown", b"abc", b"zebra", b"zebr", b"", b"ab"]
KNOWN = [True, False, True, True, False, False, True]


def _dense(batch):
    return np.asarray(dense_scores(*(batch[f"teacher_{key}"] for key in ("classes", "scores", "rest")), NUM_CLASSES))


def test_videos_are_found_by_their_ids(tmp_path):
    scores = write_store(tmp_path, SHARDS)
    store = SoftLabels(tmp_path)
    assert len(store) == 5
    rows = store.rows(ASKED)
    assert rows.dtype == np.int64 and (rows >= 0).tolist() == KNOWN and rows[0] == rows[6]
    assert sorted(store.rows(list(scores))) == [0, 1, 2, 3, 4]
    assert store.count_unmatched(ASKED) == 3
    assert store.count_unmatched(np.array(ASKED, object)) == 3  # as tf.numpy_function gives them


def test_a_batch_holds_the_best_scores_and_the_sum_of_the_others(tmp_path):
    scores = write_store(tmp_path, SHARDS)
    batch = SoftLabels(tmp_path).batch(ASKED)
    shapes = {key: (values.dtype, values.shape) for key, values in batch.items()}
    assert shapes == {
        "teacher_classes": (np.int32, (7, 2)),
        "teacher_scores": (np.float32, (7, 2)),
        "teacher_rest": (np.float32, (7,)),
        "teacher_known": (np.float32, (7,)),
    }
    assert batch["teacher_known"].tolist() == [float(known) for known in KNOWN]
    for row, (video, known) in enumerate(zip(ASKED, KNOWN, strict=True)):
        if known:
            best = np.argsort(-scores[video])[:2]
            assert batch["teacher_classes"][row].tolist() == best.tolist()
            assert batch["teacher_scores"][row].tolist() == scores[video][best].tolist()
            np.testing.assert_allclose(batch["teacher_rest"][row], scores[video].sum() - scores[video][best].sum())
        else:
            assert not any(values[row].any() for values in batch.values())


def test_full_vectors_are_returned_as_they_are(tmp_path):
    scores = write_store(tmp_path, SHARDS, top_k=0)
    batch = SoftLabels(tmp_path).batch(ASKED)
    assert batch["teacher_classes"].shape == (7, 0)
    expected = np.array([scores.get(video, np.zeros(NUM_CLASSES)) for video in ASKED], np.float32)
    np.testing.assert_array_equal(_dense(batch), expected)


def test_the_representation_is_joined_where_it_is_stored(tmp_path):
    write_store(tmp_path, SHARDS, representation_size=3)
    found = SoftLabels(tmp_path).batch([b"q7", b"?", b"Ab"])["teacher_representation"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[2, 2.25, 2.5], [0, 0, 0], [1, 1.25, 1.5]])


def test_the_rest_is_spread_evenly_over_the_other_classes():
    classes, scores, rest = np.array([[4, 1], [0, 5], [0, 0]], np.int32), [[0.5, 0.25], [1, 1], [0, 0]], [0.5, 0.0, 0.0]
    dense = dense_scores(classes, np.array(scores, np.float32), np.array(rest, np.float32), NUM_CLASSES)
    assert keras.backend.standardize_dtype(dense.dtype) == "float32"
    expected = [[0.125, 0.25, 0.125, 0.125, 0.5, 0.125], [1, 0, 0, 0, 0, 1], [0] * 6]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(dense), expected)


def test_dense_scores_keep_the_best_and_the_sum(tmp_path):
    scores = write_store(tmp_path, SHARDS, top_k=4)
    dense = _dense(SoftLabels(tmp_path).batch(list(scores)))
    expected = np.stack(list(scores.values()))
    np.testing.assert_allclose(dense.sum(axis=1), expected.sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(-np.sort(-dense, axis=1)[:, :4], -np.sort(-expected, axis=1)[:, :4])


def test_a_store_says_what_its_numbers_mean(tmp_path):
    write_store(tmp_path, SHARDS)
    store = SoftLabels(tmp_path)
    assert store.settings == StoreSettings(TEACHERS, NUM_CLASSES, top_k=2)


def test_the_checksum_tells_stores_apart(tmp_path):
    for name, top_k in (("a", 2), ("b", 2), ("c", 3)):
        write_store(tmp_path / name, SHARDS, top_k)
    a, b, c = (SoftLabels(tmp_path / name).checksum for name in "abc")
    assert a == b != c and len(a) == 64


def test_a_store_of_no_videos_matches_none(tmp_path):
    write_store(tmp_path, {"none.tfrecord": []})
    assert SoftLabels(tmp_path).count_unmatched([b"a", b"b"]) == 2
    assert SoftLabels(tmp_path).batch([b"a"])["teacher_scores"].tolist() == [[0, 0]]


def test_a_video_that_stands_in_it_twice_is_named(tmp_path):
    write_store(tmp_path, {"a.tfrecord": [b"x", b"y"], "b.tfrecord": [b"z"], "c.tfrecord": [b"v", b"y"]})
    with pytest.raises(InputError, match=r"1 videos twice: y stands in a\.tfrecord and in c\.tfrecord"):
        SoftLabels(tmp_path)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def _pickle(path):
    np.save(path, np.array([{}], object), allow_pickle=True)


def _other_shape(path):
    np.save(path, np.load(path)[:1])


def _one_bit(path):
    path.write_bytes(path.read_bytes()[:-9] + bytes([path.read_bytes()[-9] ^ 1]) + path.read_bytes()[-8:])


@pytest.mark.parametrize("damage", [_cut, _pickle, _other_shape, _one_bit, lambda path: path.write_bytes(b"")])
def test_a_damaged_file_is_named(damage, tmp_path):
    write_store(tmp_path, SHARDS)
    damage(tmp_path / "b.tfrecord.npy")
    with pytest.raises(InputError, match=r"(?i)b\.tfrecord\.npy .*remove it and write it again") as caught:
        SoftLabels(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    write_store(tmp_path, SHARDS)
    (tmp_path / "a.tfrecord.npy").unlink()
    with pytest.raises(InputError, match=r"a\.tfrecord\.npy is missing"):
        SoftLabels(tmp_path)


def test_what_is_no_store_is_said(tmp_path):
    with pytest.raises(InputError, match=r"no store of soft labels"):
        SoftLabels(tmp_path)
    write_store(tmp_path, SHARDS)
    path = tmp_path / "store.json"
    values = json.loads(path.read_text())
    for broken in ("{", "[]", json.dumps(values | {"version": 2}), json.dumps(values | {"surprise": 1})):
        path.write_text(broken)
        with pytest.raises(InputError, match=r"store\.json cannot be used"):
            SoftLabels(tmp_path)
