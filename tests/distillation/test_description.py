import dataclasses

import pytest
from made_runs import FRAME, SEGMENT, frame_record, make_config, make_videos, write_shards
from made_stores import write_store

from yt8m_distill.distillation.description import teacher_lines
from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.distillation import Distillation, DistillationParams, Teacher


def _config(spec, store):
    distillation = Distillation(DistillationParams(representation_weight=0.0), soft_labels=Teacher(str(store), "12ab"))
    return dataclasses.replace(make_config("LSTM_tiny", spec), distillation=distillation)


@pytest.mark.parametrize("indexed", [True, False])
def test_how_many_videos_the_soft_labels_do_not_hold(indexed, tmp_path):
    videos = make_videos(10)
    shards = write_shards(tmp_path, "train", [frame_record(video) for video in videos], 2)
    write_store(tmp_path / "store", {"train0.tfrecord": [video.id.encode() for video in videos[:7]]})
    config = _config(FRAME, tmp_path / "store")
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, record_index=indexed))
    [line] = teacher_lines(config, shards, SoftLabels(tmp_path / "store"))
    assert line.endswith("store: 3 of 10 videos are not in it and learn from labels alone")


def test_soft_labels_of_whole_videos_hold_no_segments(tmp_path):
    videos = make_videos(4, rated=True)
    shards = write_shards(tmp_path, "train", [frame_record(video) for video in videos], 1)
    write_store(tmp_path / "store", {"train0.tfrecord": [video.id.encode() for video in videos]})
    with pytest.raises(InputError, match=r"holds none of the .* was it made of other records\?"):
        teacher_lines(_config(SEGMENT, tmp_path / "store"), shards, SoftLabels(tmp_path / "store"))


def test_a_teacher_beside_soft_labels_gives_its_classifier(tmp_path):
    videos = make_videos(4)
    shards = write_shards(tmp_path, "train", [frame_record(video) for video in videos], 1)
    write_store(tmp_path / "store", {"train0.tfrecord": [video.id.encode() for video in videos]})
    config = _config(FRAME, tmp_path / "store")
    params = dataclasses.replace(config.distillation.params, student_head="copied")
    distillation = dataclasses.replace(config.distillation, params=params, teachers=(Teacher("runs/a", "12ab"),))
    lines = teacher_lines(
        dataclasses.replace(config, distillation=distillation), shards, SoftLabels(tmp_path / "store")
    )
    assert lines[0] == "classifier of runs/a, SHA-256 12ab..."
    assert "0 of 4 videos" in lines[1]
