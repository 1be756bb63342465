import csv
import dataclasses
import os

import numpy as np
import pytest
from made_runs import FRAME, NUM_CLASSES, VIDEO, frame_record, make_videos, video_record, write_shards

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.inference import submit
from yt8m_distill.inference.submit import cut_into_segments, write_segment_submission, write_video_submission
from yt8m_distill.models.classifier import build_model

VIDEOS = make_videos(21, seed=5)
QUIET = {"progress": False, "batch_size": 4}


@pytest.fixture(scope="module")
def model():
    return build_model(registry.model_config("NeXtVLAD_tiny"), FRAME, seed=4)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Frame-level records without labels."""
    records = [frame_record(video, labelled=False) for video in VIDEOS]
    return write_shards(tmp_path_factory.mktemp("test"), "test", records)


def _scores(model, frames):
    inputs = {
        "rgb": frames[None, :, :16],
        "audio": frames[None, :, 16:],
        "num_frames": np.array([len(frames)], np.int32),
    }
    return np.asarray(model(inputs, training=False)["predictions"])[0]


def _read(path):
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def _pairs(text):
    numbers = text.split(" ")
    return [int(label) for label in numbers[::2]], [float(score) for score in numbers[1::2]]


def _assert_best(text, scores, top_k):
    """`text` lists the top_k classes of `scores`, best first."""
    classes, written = _pairs(text)
    assert len(classes) == top_k
    np.testing.assert_allclose(written, np.sort(scores)[::-1][:top_k], rtol=1e-5)
    np.testing.assert_allclose(scores[classes], written, rtol=1e-5)


def test_a_video_submission_lists_the_best_classes_of_every_video(model, shards, tmp_path):
    path = tmp_path / "submission.csv"
    assert write_video_submission(model, FRAME, shards, path, top_k=5, **QUIET) == len(VIDEOS)
    header, rows = _read(path)
    assert header == ["VideoId", "LabelConfidencePairs"]
    assert sorted(row[0] for row in rows) == [video.id for video in VIDEOS]
    lines = dict(rows)
    for text, video in ((lines[video.id], video) for video in VIDEOS):
        _assert_best(text, _scores(model, video.frames[: FRAME.max_frames]), 5)


def test_frames_drawn_at_random_give_the_same_submission_every_time(model, shards, tmp_path):
    spec = dataclasses.replace(FRAME, sampled_frames=4, frame_sampler="random")
    texts = []
    for number, record_index in enumerate((True, True, False)):
        path = tmp_path / str(number)
        write_video_submission(model, spec, shards, path, top_k=5, record_index=record_index, **QUIET)
        texts.append(path.read_text())
    assert texts[0] == texts[1] == texts[2]


def test_segments_cannot_be_made_of_sampled_frames(model, shards, tmp_path):
    spec = dataclasses.replace(FRAME, sampled_frames=4, frame_sampler="last")
    with pytest.raises(
        InputError, match=r"reads 4 frames of each video \(--frame_sampler=last\) and segments need all"
    ):
        write_segment_submission(model, spec, shards, tmp_path / "out.csv", {0})


def test_video_level_records_make_a_submission_too(tmp_path):
    model = build_model(registry.model_config("MoE"), VIDEO, seed=4)
    shards = write_shards(tmp_path, "test", [video_record(video, labelled=False) for video in VIDEOS])
    write_video_submission(model, VIDEO, shards, tmp_path / "out.csv", top_k=NUM_CLASSES, **QUIET)
    lines = dict(_read(tmp_path / "out.csv")[1])
    assert len(lines) == len(VIDEOS)
    for video in VIDEOS:
        means = (video.frames * (4 / 255) + 4 / 512 - 2).mean(0).astype(np.float32)[None]
        outputs = model({"mean_rgb": means[:, :16], "mean_audio": means[:, 16:]}, training=False)
        _assert_best(lines[video.id], np.asarray(outputs["predictions"])[0], NUM_CLASSES)


def test_labelled_and_unlabelled_records_make_the_same_submission(model, shards, tmp_path):
    labelled = write_shards(tmp_path, "labelled", [frame_record(video) for video in VIDEOS])
    for name, paths in (("a", shards), ("b", labelled)):
        write_video_submission(model, FRAME, paths, tmp_path / name, top_k=3, **QUIET)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def _plain_segments(model):
    """[(segment id, scores)] of every 5 seconds of every video."""
    for video in VIDEOS:
        frames = video.frames[: FRAME.max_frames]
        for start in range(0, len(frames), 5):
            yield f"{video.id}:{start}", _scores(model, frames[start : start + 5])


def test_a_segment_submission_lists_the_best_segments_of_every_whitelisted_class(model, shards, tmp_path):
    path = tmp_path / "segments.csv"
    videos = write_segment_submission(model, FRAME, shards, path, [2, 7], max_per_class=9, **QUIET)
    assert videos == len(VIDEOS)
    header, rows = _read(path)
    assert header == ["Class", "Segments"]
    assert sorted(int(row[0]) for row in rows) == [2, 7]
    segments = dict(_plain_segments(model))
    assert any(len(video.frames[:12]) % 5 for video in VIDEOS)  # there are short last segments
    for label, text in rows:
        listed = text.split(" ")
        expected = np.sort([scores[int(label)] for scores in segments.values()])[::-1][:9]
        np.testing.assert_allclose([segments[segment][int(label)] for segment in listed], expected, rtol=1e-5)


def test_only_the_best_classes_of_a_segment_compete(model, shards, tmp_path):
    path = tmp_path / "segments.csv"
    write_segment_submission(model, FRAME, shards, path, [2, 7], top_k=1, **QUIET)
    winners = {segment: 2 if scores[2] > scores[7] else 7 for segment, scores in _plain_segments(model)}
    found = {segment: int(label) for label, text in _read(path)[1] for segment in text.split(" ")}
    assert found == winners


def test_the_last_segment_is_as_short_as_what_is_left():
    frames = np.arange(2 * 12 * 24, dtype=np.uint8).reshape(2, 12, 24)
    batch = {
        "rgb": frames[..., :16],
        "audio": frames[..., 16:],
        "num_frames": np.array([12, 5]),
        "id": np.array([b"a", b"b"]),
    }
    cut = cut_into_segments(batch, FRAME)
    assert cut["id"].tolist() == ["a:0", "a:5", "a:10", "b:0"]
    assert cut["num_frames"].tolist() == [5, 5, 2, 5]
    assert cut["rgb"].shape == (4, 5, 16) and cut["rgb"].dtype == np.uint8
    np.testing.assert_array_equal(cut["audio"][1], frames[0, 5:10, 16:])
    np.testing.assert_array_equal(cut["rgb"][2, :2], frames[0, 10:, :16])


@pytest.mark.parametrize("failure", [KeyboardInterrupt, MemoryError])
def test_interrupted_writing_leaves_nothing_behind(failure, model, shards, tmp_path, monkeypatch):
    real, calls = submit.make_predict_top_k, []

    def failing(*arguments):
        predict = real(*arguments)

        def once(batch):
            calls.append(batch)
            if len(calls) % 3 == 0:
                raise failure
            return predict(batch)

        return once

    monkeypatch.setattr(submit, "make_predict_top_k", failing)
    with pytest.raises(failure):
        write_video_submission(model, FRAME, shards, tmp_path / "out.csv", top_k=2, **QUIET)
    with pytest.raises(failure):
        write_segment_submission(model, FRAME, shards, tmp_path / "out.csv", [1], **QUIET)
    assert os.listdir(tmp_path) == []


def test_a_model_that_has_diverged_is_bad_input(shards, tmp_path):
    model = build_model(registry.model_config("FrameLevelLogistic"), FRAME, seed=4)
    model.head.classifier.logits.kernel.assign(np.full(model.head.classifier.logits.kernel.shape, np.nan))
    with pytest.raises(InputError, match="NaN"):
        write_video_submission(model, FRAME, shards, tmp_path / "out.csv", top_k=2, **QUIET)
    assert os.listdir(tmp_path) == []


def test_more_classes_than_there_are_is_bad_input(model, shards, tmp_path):
    with pytest.raises(InputError, match="--top_k=13"):
        write_video_submission(model, FRAME, shards, tmp_path / "out.csv", top_k=13, **QUIET)
    with pytest.raises(InputError, match="class 12 of the whitelist"):
        write_segment_submission(model, FRAME, shards, tmp_path / "out.csv", [3, 12], **QUIET)
    assert os.listdir(tmp_path) == []
