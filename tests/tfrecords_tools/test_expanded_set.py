"""Expanded sets: ids and labels stay, runs continue, settings are not mixed."""

import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from made_expansions import REAL, SMALL, contents, deviation, expand, maker, real_like_means, videos_of, write_shards

from tfrecords_tools.expanded_set import ExpandedSet
from tfrecords_tools.record_text import record_text
from yt8m_distill.data.record_checks import check_shard, read_records
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

REPO = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("YT8M_SHARED_DATA", REPO.parent / "shared" / "data"))


def test_shards_become_shards_of_the_same_names_ids_and_labels(tmp_path):
    shards = write_shards(tmp_path / "video", 10, 3)
    written, complete, totals = expand(shards, tmp_path / "expanded")
    assert sorted(contents(tmp_path / "expanded")) == ["expanded.json", *(os.path.basename(path) for path in shards)]
    reports = [check_shard(path, FeatureSpec(("rgb", "audio"), (16, 4), 25)) for path in written]
    assert [report.problems for report in reports] == [()] * 3 and complete == []
    assert [report.ids for report in reports] == [check_shard(path, SMALL).ids for path in shards]
    videos = videos_of(tmp_path / "expanded")
    assert [labels for labels, _ in videos.values()] == [[number, 3] for number in range(10)]
    assert totals.tolist() == [10, sum(r.frames for r in reports), sum(os.path.getsize(path) for path in written), 0]
    for (_, frames), means in zip(videos.values(), real_like_means(10, SMALL), strict=True):
        assert deviation(np.concatenate([frames["rgb"], frames["audio"]], axis=1), means) <= 0.5 + 1e-6


def test_the_records_are_shown_in_words(tmp_path):
    written, _, _ = expand(write_shards(tmp_path / "video"), tmp_path / "expanded")
    text = record_text(next(read_records(written[0]))[1])
    assert "frame" in text and "rgb" in text and "0000" in text


def test_frames_depend_on_the_video_not_on_the_files(tmp_path):
    expand(write_shards(tmp_path / "a" / "video", 10, 1), tmp_path / "a" / "expanded")
    expand(write_shards(tmp_path / "b" / "video", 10, 4)[::-1], tmp_path / "b" / "expanded")
    one, other = videos_of(tmp_path / "a" / "expanded"), videos_of(tmp_path / "b" / "expanded")
    assert one.keys() == other.keys()
    for video_id, (_, frames) in one.items():
        np.testing.assert_array_equal(frames["rgb"], other[video_id][1]["rgb"])


def test_a_part_takes_the_first_videos_of_every_shard(tmp_path):
    shards = write_shards(tmp_path / "video", 30, 3)
    expand(shards, tmp_path / "expanded", num_videos=7)
    ids = list(videos_of(tmp_path / "expanded"))
    assert ids == [b"0000", b"0001", b"0010", b"0011", b"0020", b"0021", b"0022"]


def test_a_part_smaller_than_the_number_of_shards_leaves_shards_out(tmp_path):
    written, _, totals = expand(write_shards(tmp_path / "video", 9, 3), tmp_path / "expanded", num_videos=2)
    assert len(written) == 2 and totals[0] == 2


def test_videos_without_labels_stay_without(tmp_path):
    expand(write_shards(tmp_path / "video", 1, 1, labels=None), tmp_path / "expanded")
    assert videos_of(tmp_path / "expanded")[b"0000"][0] == []


def test_packed_shards_are_read(tmp_path):
    (path,) = write_shards(tmp_path / "plain", 3, 1)
    packed = tmp_path / "train0000.tfrecord.gz"
    with tf.io.TFRecordWriter(str(packed), "GZIP") as writer:
        for _, record in read_records(path):
            writer.write(record)
    expand([path], tmp_path / "one")
    written, _, _ = expand([str(packed)], tmp_path / "other")
    assert os.path.basename(written[0]) == "train0000.tfrecord"
    assert pathlib.Path(written[0]).read_bytes() == (tmp_path / "one" / "train0000.tfrecord").read_bytes()


def test_a_run_continues_where_another_one_stopped(tmp_path):
    shards = write_shards(tmp_path / "video", 12, 3)
    expand(shards, tmp_path / "at_once")
    folder = ExpandedSet(str(tmp_path / "expanded"), SMALL, maker(length_scale=0.1), {"seed": 0, "length_scale": 0.1})
    to_write, _ = folder.plan(shards)
    folder.write(to_write[0])
    with pytest.raises(KeyboardInterrupt):
        folder.write(to_write[1], interrupted)
    assert sorted(contents(tmp_path / "expanded")) == ["expanded.json", "train0000.tfrecord"]
    written, complete, _ = expand(shards, tmp_path / "expanded")
    assert (len(written), len(complete)) == (2, 1)
    assert contents(tmp_path / "expanded") == contents(tmp_path / "at_once")


def interrupted():
    raise KeyboardInterrupt


def test_complete_shards_are_written_again_only_when_told(tmp_path):
    shards = write_shards(tmp_path / "video")
    expand(shards, tmp_path / "expanded")
    before = contents(tmp_path / "expanded")
    assert expand(shards, tmp_path / "expanded")[0] == []
    assert len(expand(shards, tmp_path / "expanded", overwrite=True)[0]) == 2
    assert contents(tmp_path / "expanded") == before


def test_shards_of_other_settings_are_not_mixed(tmp_path):
    shards = write_shards(tmp_path / "video")
    expand(shards, tmp_path / "expanded")
    before = contents(tmp_path / "expanded")
    with pytest.raises(InputError, match=r"2 shards expanded with --seed=0, now it is --seed=1"):
        expand(shards, tmp_path / "expanded", seed=1)
    with pytest.raises(InputError, match=r"expanded with --length_scale=0.1, now it is --length_scale=0.2"):
        expand(shards[:1], tmp_path / "expanded", overwrite=True, length_scale=0.2)
    assert contents(tmp_path / "expanded") == before  # nothing was removed
    assert len(expand(shards, tmp_path / "expanded", seed=1, overwrite=True)[0]) == 2


def test_shards_of_other_videos_are_not_taken_for_complete(tmp_path):
    shards = write_shards(tmp_path / "video")
    expand(shards, tmp_path / "expanded", num_videos=4)
    with pytest.raises(
        InputError, match=r"train0000.tfrecord is there, listed with 2 videos .* 5 videos are asked for"
    ):
        expand(shards, tmp_path / "expanded")
    shutil.copy(shards[0], tmp_path / "train0000.tfrecord")
    with pytest.raises(InputError, match=r"train0000.tfrecord is there, not listed in expanded.json"):
        expand(shards, tmp_path)


def test_sources_are_never_written_over(tmp_path):
    shards = write_shards(tmp_path / "video")
    before = contents(tmp_path / "video")
    with pytest.raises(InputError, match="choose another folder"):
        expand(shards, tmp_path / "video", overwrite=True)
    other = write_shards(tmp_path / "other")
    with pytest.raises(InputError, match="have the same name"):
        expand(shards + other, tmp_path / "expanded")
    assert contents(tmp_path / "video") == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean_rgb": None}, "it has no feature 'mean_rgb' (it has mean_audio)"),
        ({"mean_audio": np.zeros(5, np.float32)}, "mean_audio has 5 floats, expected 4"),
        ({"mean_rgb": np.full(16, np.nan, np.float32)}, "mean_rgb has 16 values that are NaN or infinite"),
        ({"labels": np.array([25])}, "label 25 is not in 0..24"),
        ({"id": None}, "it has no id"),
    ],
)
def test_a_record_that_does_not_fit_is_one_clear_line(tmp_path, changes, words):
    shards = write_shards(tmp_path / "video", 10, 2, **changes)
    with pytest.raises(InputError) as caught:
        expand(shards, tmp_path / "expanded")
    assert str(caught.value).startswith(f"{shards[1]}: record 4: {words}") and "\n" not in str(caught.value)
    assert sorted(contents(tmp_path / "expanded")) == ["expanded.json", "train0000.tfrecord"]


def test_frame_level_records_are_refused(tmp_path):
    written, _, _ = expand(write_shards(tmp_path / "video"), tmp_path / "expanded")
    with pytest.raises(
        InputError, match=r"record 0: it is frame level \(audio: 4 bytes a frame, rgb: 16 bytes a frame\)"
    ):
        expand(written, tmp_path / "again")


@pytest.mark.parametrize("text", ['{"note": 1', "[]", '{"shards": {}}'])
def test_a_list_that_cannot_be_read_is_one_clear_line(text, tmp_path):
    (tmp_path / "expanded").mkdir()
    (tmp_path / "expanded" / "expanded.json").write_text(text)
    with pytest.raises(InputError, match=r"expanded\.json is no list of expanded shards"):
        expand(write_shards(tmp_path / "video"), tmp_path / "expanded")


def test_damaged_shards_are_refused(tmp_path):
    shards = [pathlib.Path(path) for path in write_shards(tmp_path / "video")]
    shards[1].write_bytes(shards[1].read_bytes()[:-7])
    with pytest.raises(InputError, match=r"train0001.tfrecord: record 4: the file is damaged"):
        expand(list(map(str, shards)), tmp_path / "expanded")
    shards[1].write_bytes(b"")
    with pytest.raises(InputError, match=r"train0001.tfrecord: it holds no records"):
        expand(list(map(str, shards)), tmp_path / "expanded")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real records in {SHARED}; YT8M_SHARED_DATA names another folder")
def test_real_means_and_labels_are_kept(tmp_path):
    source = min(map(str, (SHARED / "yt8m_video_level" / "validate").iterdir()))
    expand([source], tmp_path, num_videos=40, spec=REAL)
    videos = videos_of(tmp_path)
    assert len(videos) == 40
    for _, record in read_records(source, 40):
        feature = tf.train.Example.FromString(record).features.feature
        labels, frames = videos[feature["id"].bytes_list.value[0]]
        assert labels == list(feature["labels"].int64_list.value)
        for name in ("rgb", "audio"):
            means = np.float32(feature[f"mean_{name}"].float_list.value)
            assert deviation(frames[name], means) <= 0.5 + 1e-6
