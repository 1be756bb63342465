import dataclasses
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from made_members import make_member
from made_runs import (
    FRAME,
    NUM_CLASSES,
    SEGMENT,
    VIDEO,
    frame_record,
    make_videos,
    run_python,
    video_record,
    write_shards,
)

from yt8m_distill.data import records as records_parser
from yt8m_distill.data.batches import model_inputs
from yt8m_distill.errors import InputError
from yt8m_distill.export import saved_model
from yt8m_distill.export.budget import MIB
from yt8m_distill.export.saved_model import export_members
from yt8m_distill.inference.served_model import load_served
from yt8m_distill.inference.submit import write_video_submission

VIDEOS = make_videos(17, seed=8)


@pytest.fixture(scope="module")
def member():
    return make_member()


@pytest.fixture(scope="module")
def model(member):
    return member.build()


@pytest.fixture(scope="module")
def folder(member, tmp_path_factory):
    """An export of `member`, which no test may change."""
    path = str(tmp_path_factory.mktemp("exports") / "a" / "model")
    report, difference = export_members([member], path, top_k=5)
    assert report.fits
    assert difference < 1e-6
    return path


@pytest.fixture(scope="module")
def signatures(folder):
    return tf.saved_model.load(folder).signatures


def _random_batch(lengths, frames, seed=0):
    random = np.random.default_rng(seed)
    return {
        "rgb": tf.constant(random.integers(0, 256, (len(lengths), frames, 16)), tf.uint8),
        "audio": tf.constant(random.integers(0, 256, (len(lengths), frames, 8)), tf.uint8),
        "num_frames": tf.constant(lengths, tf.int32),
    }


def _read_from_records(batch):
    """What is left of a batch of longer videos."""
    cut = {name: batch[name][:, : FRAME.max_frames] for name in FRAME.names}
    return {**cut, "num_frames": tf.minimum(batch["num_frames"], FRAME.max_frames)}


def test_the_signatures_say_what_goes_in_and_what_comes_out(signatures):
    assert set(signatures) == {"serving_default", "features"}
    (serialized,) = signatures["serving_default"].structured_input_signature[1].values()
    assert (serialized.name, serialized.dtype, serialized.shape.as_list()) == ("example_bytes", tf.string, [None])
    outputs = signatures["serving_default"].structured_outputs
    assert {k: (v.dtype, v.shape[-1]) for k, v in outputs.items() if k != "video_id"} == {
        "class_indexes": (tf.int32, 5),
        "predictions": (tf.float32, 5),
    }
    assert outputs["video_id"].dtype == tf.string
    inputs = signatures["features"].structured_input_signature[1]
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in inputs.items()} == {
        "rgb": (tf.uint8, [None, None, 16]),
        "audio": (tf.uint8, [None, None, 8]),
        "num_frames": (tf.int32, [None]),
    }
    assert set(signatures["features"].structured_outputs) == {"predictions", "representation"}


@pytest.mark.parametrize(
    ("lengths", "frames"),
    [(list(range(1, 13)), 12), ([1], 1), ([3, 0], 7), ([30, 12, 25], 30)],  # max_frames is 12
)
def test_features_are_answered_as_the_model_answers_them(lengths, frames, model, signatures):
    batch = _random_batch(lengths, frames)
    served, own = signatures["features"](**batch), model(_read_from_records(batch), training=False)
    assert served["predictions"].shape == (len(lengths), NUM_CLASSES)
    for key in ("predictions", "representation"):
        np.testing.assert_allclose(served[key].numpy(), np.asarray(own[key]), atol=1e-5)


def _lines(path):
    with open(path) as file:
        return file.read().splitlines()[1:]


def _served_lines(signatures, records):
    served = signatures["serving_default"](example_bytes=tf.constant(records))
    rows = zip(*(served[key].numpy() for key in ("video_id", "class_indexes", "predictions")), strict=True)
    return [(video.decode(), classes.tolist(), scores) for video, classes, scores in rows]


def _assert_as_submitted(signatures, records, model, spec, folder):
    shards = write_shards(folder, "test", records, shards=1)
    write_video_submission(model, spec, shards, folder / "out.csv", top_k=5, batch_size=4, progress=False)
    lines = _lines(folder / "out.csv")
    for line, (video, classes, scores) in zip(lines, _served_lines(signatures, records), strict=True):
        name, pairs = line.split(",")
        numbers = pairs.split(" ")
        assert (name, [int(label) for label in numbers[::2]]) == (video, classes)
        np.testing.assert_allclose(scores, [float(score) for score in numbers[1::2]], rtol=1e-5)


@pytest.mark.parametrize("labelled", [True, False])
def test_serialized_frame_level_records_get_the_scores_of_a_submission(labelled, model, signatures, tmp_path):
    records = [frame_record(video, labelled) for video in VIDEOS]
    _assert_as_submitted(signatures, records, model, FRAME, tmp_path)


def test_records_of_rated_segments_are_whole_videos_too(tmp_path):
    member = make_member("FrameLevelLogistic", SEGMENT)
    export_members([member], str(tmp_path / "export"), top_k=5)
    assert load_served(str(tmp_path / "export"))[1] == SEGMENT
    signatures = tf.saved_model.load(str(tmp_path / "export")).signatures
    _assert_as_submitted(signatures, [frame_record(video) for video in VIDEOS], member.build(), FRAME, tmp_path)


def test_an_endpoint_that_reads_records_otherwise_is_not_kept(tmp_path, monkeypatch):
    parse = records_parser.parse_frames

    def shorter(serialized, spec, labelled):
        return parse(serialized, dataclasses.replace(spec, max_frames=2), labelled)

    monkeypatch.setattr(records_parser, "parse_frames", shorter)
    with pytest.raises(InputError, match="the export's answers differ from the members'"):
        export_members([make_member("FrameLevelLogistic")], str(tmp_path / "export"))
    assert os.listdir(tmp_path) == []


def test_nan_in_one_signature_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "_records_difference", lambda *_: np.array([0, np.nan]))
    with pytest.raises(InputError, match="differ from the members' by nan, not kept"):
        export_members(_linear(), str(tmp_path / "export"))


@pytest.mark.parametrize("sampler", ["every", "first_middle_last"])
def test_whole_videos_are_sampled_inside(sampler, member, model, tmp_path):
    spec = dataclasses.replace(FRAME, sampled_frames=5, frame_sampler=sampler)
    export_members([dataclasses.replace(member, spec=spec)], str(tmp_path / "export"), top_k=5)
    signatures = tf.saved_model.load(str(tmp_path / "export")).signatures
    records = [frame_record(video) for video in VIDEOS]
    _assert_as_submitted(signatures, records, model, spec, tmp_path)
    whole, sampled = (records_parser.parse_frames(records, spec, labelled=False) for spec in (FRAME, spec))
    served = signatures["features"](**model_inputs(whole, FRAME))["predictions"].numpy()
    own = np.asarray(model(model_inputs(sampled, spec), training=False)["predictions"])
    np.testing.assert_allclose(served, own, atol=1e-6)


def test_frames_drawn_at_random_cannot_be_exported(member, tmp_path):
    spec = dataclasses.replace(FRAME, sampled_frames=5, frame_sampler="random")
    with pytest.raises(InputError, match=r"--frame_sampler=random.*export a run with another --frame_sampler"):
        export_members([dataclasses.replace(member, spec=spec)], str(tmp_path / "export"))
    assert os.listdir(tmp_path) == []


def test_serialized_video_level_records_get_the_scores_of_a_submission(tmp_path):
    member = make_member("HiddenLayer_tiny", VIDEO, method="uniform")
    model = member.build()
    export_members([member], str(tmp_path / "export"), top_k=5)
    signatures = tf.saved_model.load(str(tmp_path / "export")).signatures
    records = [video_record(video) for video in VIDEOS]
    _assert_as_submitted(signatures, records, model, VIDEO, tmp_path)
    means = {"mean_rgb": tf.ones([2, 16]), "mean_audio": tf.ones([2, 8])}
    own = np.asarray(model(means, training=False)["predictions"])
    np.testing.assert_allclose(signatures["features"](**means)["predictions"].numpy(), own, atol=1e-5)


_WITHOUT_KERAS = """
import sys
import numpy as np
for name in ("keras", "tf_keras", "yt8m_distill"):
    sys.modules[name] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
batch = np.load(sys.argv[2])
served = loaded.signatures["features"](**{key: tf.constant(batch[key]) for key in ("rgb", "audio", "num_frames")})
np.testing.assert_allclose(served["predictions"].numpy(), batch["predictions"], atol=1e-5)
"""


def test_tensorflow_alone_loads_an_export(model, folder, tmp_path):
    batch = _random_batch([3, 12, 7], 12)
    predictions = np.asarray(model(batch, training=False)["predictions"])
    np.savez(tmp_path / "batch.npz", predictions=predictions, **{key: value.numpy() for key, value in batch.items()})
    process = run_python(["-c", _WITHOUT_KERAS, folder, str(tmp_path / "batch.npz")])
    assert process.returncode == 0, process.stderr


def _linear(seed=5):
    return [make_member("Logistic", VIDEO, seed)]


def _contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_over_budget_nothing_is_left(tmp_path):
    with pytest.raises(InputError, match="over budget"):
        export_members(_linear(), str(tmp_path / "model"), budget_mib=0.001)
    assert os.listdir(tmp_path) == []


def _with_card(folder, *_):
    pathlib.Path(folder, "model_card.json").write_bytes(bytes(MIB))


def test_what_is_written_into_an_export_counts(tmp_path):
    path = tmp_path / "model"
    with pytest.raises(InputError, match="over budget"):
        export_members(_linear(), str(path), budget_mib=1, finish=_with_card)
    assert os.listdir(tmp_path) == []
    report, _ = export_members(_linear(), str(path), finish=_with_card)
    assert report.total == sum(map(len, _contents(path).values())) > MIB


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_of_nothing_is_bad_input(budget, tmp_path):
    with pytest.raises(InputError, match="--size_budget_mb"):
        export_members(_linear(), str(tmp_path / "model"), budget_mib=budget)


def test_an_export_is_replaced_only_when_asked(tmp_path):
    first, second = _linear(), _linear(seed=6)
    folder = tmp_path / "model"
    folder.mkdir()
    export_members(first, f"{folder}/", finish=_with_card)  # an empty folder is as good as none
    before = _contents(folder)
    with pytest.raises(InputError, match="give another --output_dir, or --overwrite"):
        export_members(second, str(folder))
    assert _contents(folder) == before
    export_members(second, str(folder), overwrite=True, finish=_with_card)
    assert _contents(folder) != before
    assert os.listdir(tmp_path) == ["model"]


def test_a_folder_that_is_no_export_is_never_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    (tmp_path / "mine" / "saved_model.pb").write_text("of other software")
    for path in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(InputError, match=r"holds no model_card\.json"):
            export_members(_linear(), str(path), overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


@pytest.mark.parametrize("part", ["measure", "_largest_difference"])
def test_a_failure_midway_leaves_the_old_export_as_it_was(part, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    export_members(_linear(), str(folder), finish=_with_card)
    before = _contents(tmp_path)

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(saved_model, part, fail)
    with pytest.raises(KeyboardInterrupt):
        export_members(_linear(), str(folder), overwrite=True)
    assert _contents(tmp_path) == before


def test_no_more_classes_than_the_model_has_are_returned(tmp_path):
    export_members(_linear(), str(tmp_path / "model"), top_k=100)
    outputs = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"].structured_outputs
    assert outputs["predictions"].shape[-1] == NUM_CLASSES
