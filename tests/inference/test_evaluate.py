import dataclasses
import json

import numpy as np
import pytest
from made_runs import (
    FRAME,
    NUM_CLASSES,
    SEGMENT,
    VIDEO,
    frame_record,
    make_videos,
    video_record,
    write_shards,
)

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.inference.evaluate import evaluate, table, write_per_class, write_results
from yt8m_distill.models.classifier import build_model

LEVELS = {
    "frame": ("NeXtVLAD_tiny", FRAME, frame_record, make_videos(23)),
    "video": ("HiddenLayer_tiny", VIDEO, video_record, make_videos(23)),
    "segment": ("FrameLevelLogistic", SEGMENT, frame_record, make_videos(15, rated=True)),
}


@pytest.fixture(scope="module", params=list(LEVELS))
def case(request, tmp_path_factory):
    """(model, spec, shards, videos), the model as it was initialised."""
    name, spec, write, videos = LEVELS[request.param]
    shards = write_shards(tmp_path_factory.mktemp("eval"), "validate", [write(video) for video in videos])
    return build_model(registry.model_config(name), spec, seed=3), spec, shards, videos


def _predict(model, frames):
    inputs = {
        "rgb": frames[None, :, :16],
        "audio": frames[None, :, 16:],
        "num_frames": np.array([len(frames)], np.int32),
    }
    return np.asarray(model(inputs, training=False)["predictions"])[0]


def _predict_means(model, video):
    means = (video.frames * (4 / 255) + 4 / 512 - 2).mean(0).astype(np.float32)[None]
    return np.asarray(model({"mean_rgb": means[:, :16], "mean_audio": means[:, 16:]}, training=False)["predictions"])[0]


def _examples(model, spec, videos):
    """(predictions, labels, rated), one row an example, one video at a time."""
    rows = []
    for video in videos:
        if spec.level == "segment":
            for start in dict.fromkeys(start for start, _, _ in video.ratings):
                labels, rated = np.zeros(NUM_CLASSES), np.zeros(NUM_CLASSES)
                for _, label, score in (rating for rating in video.ratings if rating[0] == start):
                    labels[label], rated[label] = score, 1
                rows.append((_predict(model, video.frames[start : start + 5]), labels, rated))
        else:
            labels = np.isin(np.arange(NUM_CLASSES), video.labels).astype(float)
            frames = video.frames[: spec.max_frames]
            scores = _predict(model, frames) if spec.level == "frame" else _predict_means(model, video)
            rows.append((scores, labels, np.ones(NUM_CLASSES)))
    return (np.array(column) for column in zip(*rows, strict=True))


def _average_precision(scores, hits):
    hits = np.asarray(hits)[np.argsort(-np.asarray(scores), kind="stable")]
    return sum(hits[: rank + 1].mean() for rank in np.flatnonzero(hits)) / hits.sum()


def _plain(predictions, labels, rated):
    ranked = np.where(rated > 0, predictions, -np.inf)
    best = ranked.argmax(1)
    perr = []
    for scores, hits in zip(ranked, labels, strict=True):
        top = np.argsort(-scores)[: int(hits.sum())]
        perr.append(hits[top].mean() if len(top) else 0.0)
    terms = labels * np.log(predictions + 1e-5) + (1 - labels) * np.log(1 - predictions + 1e-5)
    classes = [c for c in range(NUM_CLASSES) if labels[:, c].any()]
    return {
        "gap": _average_precision(predictions[rated > 0], labels[rated > 0]),
        "map": np.mean(
            [_average_precision(predictions[rated[:, c] > 0, c], labels[rated[:, c] > 0, c]) for c in classes]
        ),
        "hit_at_1": labels[np.arange(len(labels)), best].mean(),
        "perr": np.mean(perr),
        "loss": -(terms * rated).sum(1).mean(),
        "examples": len(labels),
        "top_k": 20,
    }


def test_results_are_those_of_a_plain_computation(case):
    model, spec, shards, videos = case
    results, per_class = evaluate(model, spec, shards, batch_size=4, progress=False)
    predictions, labels, rated = _examples(model, spec, videos)
    assert results.pop("level") == spec.level
    assert results == pytest.approx(_plain(predictions, labels, rated), rel=1e-5)
    np.testing.assert_array_equal(per_class["positives"], labels.sum(0))


def test_how_records_are_read_changes_nothing(case):
    model, spec, shards, _ = case
    first, _ = evaluate(model, spec, shards, batch_size=64, num_readers=1, progress=False)
    second, _ = evaluate(model, spec, shards, batch_size=5, num_readers=3, progress=False)
    assert first.pop("level") == second.pop("level")
    assert first == pytest.approx(second, rel=1e-6)


def test_the_same_evaluation_gives_the_same_numbers(case):
    model, spec, shards, _ = case
    assert evaluate(model, spec, shards, progress=False)[0] == evaluate(model, spec, shards, progress=False)[0]


def test_records_without_a_positive_are_bad_input(tmp_path):
    videos = [
        dataclasses.replace(video, ratings=tuple((start, label, 0.0) for start, label, _ in video.ratings))
        for video in make_videos(9, rated=True)
    ]
    shards = write_shards(tmp_path, "test", [frame_record(video) for video in videos])
    model = build_model(registry.model_config("FrameLevelLogistic"), SEGMENT, seed=3)
    with pytest.raises(InputError, match=r"test0\.tfrecord and 2 more hold no labels"):
        evaluate(model, SEGMENT, shards, progress=False)


@pytest.mark.parametrize("level", ["frame", "video"])
def test_records_without_labels_are_bad_input(level, tmp_path):
    name, spec, write, videos = LEVELS[level]
    shards = write_shards(tmp_path, "test", [write(video, labelled=False) for video in videos])
    model = build_model(registry.model_config(name), spec, seed=3)
    with pytest.raises(InputError, match=r"test0\.tfrecord and 2 more hold no labels"):
        evaluate(model, spec, shards, progress=False)


def test_results_are_written_with_their_keys(case, tmp_path):
    model, spec, shards, _ = case
    results, _ = evaluate(model, spec, shards, top_k=5, progress=False)
    results |= {"data": "test*.tfrecord", "checkpoint": "runs/x/checkpoints/ckpt-7"}
    path = write_results(results, str(tmp_path), 7)
    assert path == str(tmp_path / "eval" / "7.json")
    assert [entry.name for entry in (tmp_path / "eval").iterdir()] == ["7.json"]
    written = json.loads((tmp_path / "eval" / "7.json").read_text())
    numbers = {"gap", "map", "hit_at_1", "perr", "loss", "examples"}
    assert set(written) == {*numbers, "top_k", "level", "data", "checkpoint"}
    assert written == results
    assert f"GAP@5       {results['gap']:.4f}" in table(results)


def test_the_precision_of_a_class_without_positives_is_left_empty(tmp_path):
    per_class = {"positives": np.array([2, 0]), "average_precision": np.array([0.25, np.nan])}
    write_per_class(per_class, tmp_path / "classes.csv")
    text = (tmp_path / "classes.csv").read_text()
    assert text == "class,positives,average_precision\n0,2,0.25\n1,0,\n"
