"""Runs the golden files of readers and submissions: records through this project's parsers, models and writers.

RUNNERS: {prefix of the file name: function of the path}. A runner raises AssertionError on a difference; it returns
the output keys it does not cover, where there are any. The `.tfrecord` and `.csv` of a case lie beside its `.npz`.

Two differences from the reference are meant, and are compared as what they are: a feature that ends before the video
holds code 128 (0.0157) there and not 0, and a segment counts the frames that it really has where the reference says 5.
"""

import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from yt8m_distill.data import records
from yt8m_distill.data.batches import dense_labels
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.hyperparameters import registry
from yt8m_distill.inference.kaggle_csv import format_lines, highest_scores, write_submission
from yt8m_distill.inference.predict import make_predict_top_k
from yt8m_distill.inference.segments import read_submission, read_whitelist
from yt8m_distill.inference.submit import cut_into_segments, write_segment_submission, write_video_submission
from yt8m_distill.layers.dequantize import Dequantize
from yt8m_distill.metrics.segment_map import segment_map
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.reference_weights import load_reference_weights
from yt8m_distill.spec import MISSING_BYTE, SEGMENT_SIZE, FeatureSpec

TOLERANCE = 1e-5
SEGMENT_OUTPUTS = ("csv_text", "segment_ids", "segment_predictions", "intermediate_lines_text")


class Golden:
    """A golden file and its companions.

    Attributes:
      config, inputs, outputs, weights: what the npz holds.
      spec: the FeatureSpec that its config describes.
      shard: path of its TFRecord file.
    """

    def __init__(self, path, level):
        with np.load(path) as arrays:
            self.config = json.loads(str(arrays["config"]))
            self.inputs = {k.removeprefix("inputs/"): arrays[k] for k in arrays if k.startswith("inputs/")}
            self.outputs = {k.removeprefix("outputs/"): arrays[k] for k in arrays if k.startswith("outputs/")}
            self.weights = {k: arrays[k] for k in arrays if k.endswith(("/weights", "/biases"))}
        self.path = pathlib.Path(path)
        self.shard = str(self.path.with_suffix(".tfrecord"))
        self.spec = FeatureSpec(
            names=tuple(self.config.get("feature_names", ("rgb", "audio"))),
            sizes=tuple(self.config["feature_sizes"]),
            num_classes=self.config["num_classes"],
            level=level,
            max_frames=self.config.get("max_frames", 300),
        )

    def not_compared(self, *names):
        return sorted(self.outputs.keys() - set(names))

    def close(self, actual, name):
        np.testing.assert_allclose(actual, self.outputs[name], rtol=0, atol=TOLERANCE, err_msg=name)

    def equal(self, actual, name):
        np.testing.assert_array_equal(actual, self.outputs[name], err_msg=name)


def run_reader(path):
    with np.load(path) as arrays:
        config = json.loads(str(arrays["config"]))
        video_level = arrays["outputs/video_matrix"].ndim == 2
    if config.get("segment_labels"):
        return _run_segments(Golden(path, "segment"))
    return _run_videos(Golden(path, "video")) if video_level else _run_frames(Golden(path, "frame"))


def _serialized(golden):
    return list(tf.data.TFRecordDataset(golden.shard))


def _run_frames(golden):
    batch = records.parse_frames(tf.stack(_serialized(golden)), golden.spec)
    lengths = golden.outputs["num_frames"]
    golden.equal(batch["num_frames"], "num_frames")
    golden.equal(batch["id"].numpy().astype("S"), "video_ids")
    golden.equal(dense_labels(batch, golden.spec)[0].numpy() > 0, "labels")
    missing = _missing(golden, [(video, 0, count) for video, count in enumerate(lengths)])
    _compare_matrix(golden, batch, lengths, missing)
    return golden.not_compared("video_matrix", "num_frames", "video_ids", "labels")


def _run_segments(golden):
    spec = golden.spec
    (batch,) = read_batches(
        [golden.shard], spec, ReadOptions(batch_size=len(golden.outputs["video_ids"]), num_readers=1)
    )
    videos, starts = _videos_and_starts(golden)
    names = [segment.decode().rpartition(":") for segment in batch["id"].numpy().tolist()]
    golden.equal(np.array([name[0] for name in names], "S"), "video_ids")
    assert [int(name[2]) for name in names] == starts
    labels, rated = dense_labels(batch, spec)
    golden.close(labels, "labels")
    golden.equal(rated, "label_weights")

    # The reference says 5 whatever the video has left.
    golden.equal(np.full(len(starts), SEGMENT_SIZE), "num_frames")
    frames = [len(golden.inputs[f"raw_{spec.names[0]}_{video}"]) for video in videos]
    left = np.clip(np.subtract(frames, starts), 0, SEGMENT_SIZE)
    np.testing.assert_array_equal(batch["num_frames"], left)
    missing = _missing(golden, list(zip(videos, starts, left, strict=True)))
    _compare_matrix(golden, batch, left, missing)
    return golden.not_compared("video_matrix", "num_frames", "video_ids", "labels", "label_weights")


def _videos_and_starts(golden):
    """Of each segment, in order of first appearance: the number of its video and the frame where it starts."""
    found, video = [], 0
    while f"segment_start_times_{video}" in golden.inputs:
        found += [(video, start) for start in dict.fromkeys(golden.inputs[f"segment_start_times_{video}"].tolist())]
        video += 1
    return [video for video, _ in found], [start for _, start in found]


def _missing(golden, windows):
    """bool (windows, rows, size): real rows of the first feature that another feature does not have."""
    spec = golden.spec
    missing = np.zeros((len(windows), spec.frame_limit, spec.size), bool)
    column = 0
    for name, size in spec.size_by_name.items():
        for row, (video, start, count) in enumerate(windows):
            present = max(len(golden.inputs[f"raw_{name}_{video}"]) - start, 0)
            missing[row, present:count, column : column + size] = True
        column += size
    return missing


def _compare_matrix(golden, batch, num_frames, missing):
    """Our frames, dequantised and padded to the limit; where a feature is missing, code 128 and the reference's 0."""
    dequantize = Dequantize()
    floats = np.concatenate([dequantize(batch[name], num_frames) for name in golden.spec.names], axis=2)
    floats = np.pad(floats, [(0, 0), (0, golden.spec.frame_limit - floats.shape[1]), (0, 0)])
    expected = golden.outputs["video_matrix"]
    assert not expected[missing].any()
    code = MISSING_BYTE * 4 / 255 + 4 / 512 - 2
    golden_or_code = np.where(missing, np.float32(code), expected)
    np.testing.assert_allclose(floats, golden_or_code, rtol=0, atol=TOLERANCE, err_msg="video_matrix")


def _run_videos(golden):
    batch = records.parse_videos(tf.stack(_serialized(golden)), golden.spec)
    golden.equal(np.concatenate([batch[name] for name in golden.spec.names], axis=1), "video_matrix")
    golden.equal(batch["id"].numpy().astype("S"), "video_ids")
    golden.equal(dense_labels(batch, golden.spec)[0].numpy() > 0, "labels")
    return golden.not_compared("video_matrix", "video_ids", "labels")


def _model(golden):
    model = build_model(registry.model_config("FrameLevelLogisticModel"), golden.spec)
    load_reference_weights(model, golden.weights)
    return model


def _ranked(golden, model, batches):
    """Predictions by class, from the ranking that the submissions are written from."""
    predict = make_predict_top_k(model, golden.spec, golden.spec.num_classes)
    rows = []
    for batch in batches:
        classes, scores = (tensor.numpy() for tensor in predict(batch))
        rows.append(np.take_along_axis(scores, np.argsort(classes, axis=1), axis=1))
    return np.concatenate(rows)


def _written(write):
    """The bytes that `write(path)` leaves in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "submission.csv"
        write(path)
        return path.read_bytes().decode()


def _assert_same_lines(text, expected):
    """The same to the letter, but for the sixth digit of a score: in float32 two ways to sum differ by 1e-7."""
    assert len(text.splitlines()) == len(expected.splitlines())
    for line, golden_line in zip(text.splitlines(), expected.splitlines(), strict=True):
        if line != golden_line:
            words, golden_words = line.split(" "), golden_line.split(" ")
            assert words[0::2] == golden_words[0::2]
            scores = np.array([words[1::2], golden_words[1::2]], np.float64)
            np.testing.assert_allclose(scores[0], scores[1], rtol=TOLERANCE, atol=1e-6, err_msg=golden_line)


def run_csv_inference(path):
    golden = Golden(path, "frame")
    model, options = _model(golden), ReadOptions(golden.config["batch_size"], num_readers=1)
    batches = list(read_batches([golden.shard], golden.spec, options, labelled=False))
    golden.equal(np.concatenate([batch["id"].numpy() for batch in batches]).astype("S"), "video_ids")
    golden.close(_ranked(golden, model, batches), "predictions")
    text = _written(
        lambda to: write_video_submission(
            model,
            golden.spec,
            [golden.shard],
            to,
            top_k=golden.config["top_k"],
            batch_size=golden.config["batch_size"],
            progress=False,
        )
    )
    expected = golden.path.with_suffix(".csv").read_text()
    assert expected == str(golden.outputs["csv_text"])
    _assert_same_lines(text, expected)
    best = highest_scores(golden.outputs["predictions"], golden.config["top_k"])
    assert _written(lambda to: write_submission(to, [(golden.outputs["video_ids"], *best)])) == expected
    return golden.not_compared("video_ids", "predictions", "csv_text")


def run_csv_segment(path):
    golden = Golden(path, "frame")
    model = _model(golden)
    whitelist = read_whitelist(golden.path.with_name(f"{golden.path.stem}_label_ids.csv"))
    np.testing.assert_array_equal(whitelist, np.unique(golden.inputs["whitelist"]))
    _compare_segment_predictions(golden, model)
    text = _written(
        lambda to: write_segment_submission(
            model,
            golden.spec,
            [golden.shard],
            to,
            whitelist,
            top_k=golden.config["top_k"],
            max_per_class=golden.config["segment_max_pred"],
            batch_size=golden.config["batch_size"],
            progress=False,
        )
    )
    assert text == golden.path.with_suffix(".csv").read_text() == str(golden.outputs["csv_text"])
    return golden.not_compared(*SEGMENT_OUTPUTS, *_compare_segment_map(golden))


def _compare_segment_predictions(golden, model):
    options = ReadOptions(golden.config["batch_size"], num_readers=1)
    batches = read_batches([golden.shard], golden.spec, options, labelled=False)
    cut = [cut_into_segments({key: value.numpy() for key, value in batch.items()}, golden.spec) for batch in batches]
    golden.equal(np.concatenate([part["id"] for part in cut]).astype("S"), "segment_ids")
    golden.close(_ranked(golden, model, cut), "segment_predictions")
    predict = make_predict_top_k(model, golden.spec, golden.config["top_k"], _whitelist_mask(golden))
    lines = [line for part in cut for line in format_lines(part["id"], *(t.numpy() for t in predict(part)))]
    _assert_same_lines("\n".join(lines), str(golden.outputs["intermediate_lines_text"]).rstrip("\n"))


def _whitelist_mask(golden):
    mask = np.zeros(golden.spec.num_classes, np.float32)
    mask[golden.inputs["whitelist"]] = 1
    return mask


def _compare_segment_map(golden):
    """Compares MAP@K without the reference's defect of losing each line's last segment; returns what was compared."""
    ratings = list(
        zip(
            golden.outputs["segeval_label_segment_ids"].astype(str),
            golden.outputs["segeval_label_class"].tolist(),
            golden.outputs["segeval_label_score"].tolist(),
            strict=True,
        )
    )
    submission = read_submission(golden.path.with_suffix(".csv"))
    capped = segment_map(submission, ratings, int(golden.outputs["segeval_top_n"]))
    golden.close(capped.value, "segeval_map_top_n_last_segment_kept")
    uncapped = segment_map(submission, ratings)
    golden.close(uncapped.value, "segeval_map_uncapped_last_segment_kept")
    golden.close(list(uncapped.per_class.values()), "segeval_aps_uncapped_last_segment_kept")
    without_last = {label: segments[:-1] for label, segments in submission.items()}
    for top_n, ending in ((int(golden.outputs["segeval_top_n"]), "top_n"), (100_000, "uncapped")):
        # With the last segment taken out by hand the reference's own numbers come out as well.
        cut = {label: segments[:top_n] for label, segments in submission.items()}
        cut = {label: kept if len(submission[label]) > top_n else without_last[label] for label, kept in cut.items()}
        found = segment_map(cut, ratings, top_n)
        golden.close(found.value, f"segeval_map_{ending}")
        golden.close(list(found.per_class.values()), f"segeval_aps_{ending}")
    used = ("label_segment_ids", "label_class", "label_score", "top_n", "map_top_n", "aps_top_n", "map_uncapped")
    kept = ("map_top_n_last_segment_kept", "map_uncapped_last_segment_kept", "aps_uncapped_last_segment_kept")
    return [f"segeval_{name}" for name in (*used, "aps_uncapped", *kept)]


RUNNERS = {
    "reader_": run_reader,
    "csv_inference": run_csv_inference,
    "csv_segment": run_csv_segment,
}
