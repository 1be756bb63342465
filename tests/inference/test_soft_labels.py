import dataclasses
import gzip
import os
import pathlib
import shutil

import numpy as np
import pytest
from made_runs import FRAME, NUM_CLASSES, VIDEO, frame_record, make_config, make_videos, video_record, write_shards

from yt8m_distill.distillation.mixture import mixture
from yt8m_distill.distillation.soft_labels import SoftLabels
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.inference import soft_labels
from yt8m_distill.inference.soft_labels import store_settings, write_soft_labels
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import Run

VIDEOS = make_videos(14, seed=3)
IDS = [video.id.encode() for video in VIDEOS]
RGB = dataclasses.replace(FRAME, names=("rgb",), sizes=(16,), max_frames=7)
AUDIO = dataclasses.replace(FRAME, names=("audio",), sizes=(8,), sampled_frames=3)
DRAWN = dataclasses.replace(AUDIO, frame_sampler="random")
QUIET = {"progress": False, "batch_size": 4}


def _model(spec, seed=1):
    return build_model(registry.model_config("MoE" if spec.level == "video" else "FrameLevelLogistic"), spec, seed=seed)


MODELS = {spec: _model(spec) for spec in (FRAME, RGB, AUDIO, DRAWN, VIDEO)}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("train"), "train", [frame_record(video) for video in VIDEOS])


@pytest.fixture
def teach(tmp_path):
    """(weights, specs, numbers of `store_settings`) -> the arguments that stand before the shards."""

    def make(weights=(1,), specs=(FRAME,), top_k=3, **numbers):
        runs = []
        for spec in specs:
            prefix = tmp_path / "runs" / f"ckpt-{len(runs)}"
            prefix.parent.mkdir(exist_ok=True)
            for part in (".index", ".data-00000-of-00001"):
                pathlib.Path(f"{prefix}{part}").write_text(f"{spec} {part}")
            runs.append(Run(str(tmp_path), make_config(spec=spec), str(prefix), len(runs)))
        settings = store_settings(runs, list(weights), top_k=top_k, **numbers)
        return [MODELS[spec] for spec in specs], list(specs), settings

    return make


def _predictions(spec):
    """The predictions of one model for every video, one video at a time."""
    rows = []
    for video in VIDEOS:
        frames = video.frames[: spec.max_frames]
        if spec.sampled_frames:
            kept = min(len(frames), spec.sampled_frames)
            frames = frames[np.arange(kept) * len(frames) // kept]
        columns = {"rgb": frames[None, :, :16], "audio": frames[None, :, 16:]}
        inputs = {name: columns[name] for name in spec.names} | {"num_frames": np.array([len(frames)], np.int32)}
        rows.append(np.asarray(MODELS[spec](inputs, training=False)["predictions"])[0])
    return np.array(rows)


def _stored(directory):
    return SoftLabels(directory).batch(IDS)


def _assert_best(batch, scores, top_k):
    """The batch holds the top_k best of `scores`, and the sum of the others."""
    best = -np.sort(-scores, axis=1)
    np.testing.assert_allclose(batch["teacher_scores"], best[:, :top_k], rtol=1e-3)
    np.testing.assert_allclose(np.take_along_axis(scores, batch["teacher_classes"], 1), best[:, :top_k], rtol=1e-5)
    np.testing.assert_allclose(batch["teacher_rest"], best[:, top_k:].sum(axis=1), rtol=1e-4)
    assert batch["teacher_known"].all()


def test_the_store_holds_the_best_scores_of_every_video(teach, shards, tmp_path):
    assert write_soft_labels(*teach(), shards, tmp_path / "store", **QUIET) == 3
    _assert_best(_stored(tmp_path / "store"), _predictions(FRAME), 3)
    assert sorted(os.listdir(tmp_path / "store")) == ["store.json", *(f"train{n}.tfrecord.npy" for n in range(3))]


@pytest.mark.parametrize(("temperature", "output"), [(1.0, "sigmoid"), (3.0, "sigmoid"), (2.0, "softmax")])
def test_an_ensemble_of_other_features_and_frames_is_a_weighted_mean(temperature, output, teach, shards, tmp_path):
    specs, weights = (FRAME, RGB, AUDIO), (1, 1, 2)
    taught = teach(weights, specs, temperature=temperature, output=output)
    write_soft_labels(*taught, shards, tmp_path / "store", **QUIET)
    expected = mixture([_predictions(spec) for spec in specs], weights, temperature, output)
    _assert_best(_stored(tmp_path / "store"), np.asarray(expected), 3)
    store = SoftLabels(tmp_path / "store")
    assert [teacher.weight for teacher in store.settings.teachers] == [0.25, 0.25, 0.5]
    assert (store.settings.temperature, store.settings.output) == (temperature, output)


def test_video_level_runs_and_full_vectors_with_the_representation(teach, tmp_path):
    shards = write_shards(tmp_path / "video", "train", [video_record(video) for video in VIDEOS])
    size = MODELS[VIDEO].representation_size
    taught = teach((1,), (VIDEO,), top_k=NUM_CLASSES, representation_size=size)
    write_soft_labels(*taught, shards, tmp_path / "store", **QUIET)
    means = np.array([(video.frames * (4 / 255) + 4 / 512 - 2).mean(0) for video in VIDEOS], np.float32)
    outputs = MODELS[VIDEO]({"mean_rgb": means[:, :16], "mean_audio": means[:, 16:]}, training=False)
    batch = _stored(tmp_path / "store")
    np.testing.assert_allclose(batch["teacher_scores"], outputs["predictions"], rtol=1e-3)
    np.testing.assert_allclose(batch["teacher_representation"], outputs["representation"], rtol=1e-3, atol=1e-6)


def test_frames_that_are_drawn_at_random_are_drawn_by_the_id(teach, shards, tmp_path):
    for name, specs in (("alone", (DRAWN,)), ("again", (DRAWN,)), ("beside", (DRAWN, FRAME))):
        weights = (1, 1e-9)[: len(specs)]
        write_soft_labels(*teach(weights, specs), shards, tmp_path / name, **QUIET)
    alone, again, beside = (_stored(tmp_path / name)["teacher_scores"] for name in ("alone", "again", "beside"))
    np.testing.assert_array_equal(alone, again)
    np.testing.assert_allclose(alone, beside, rtol=1e-3)


def test_compressed_shards_give_the_same(teach, shards, tmp_path):
    for path in shards:
        compressed = tmp_path / f"{os.path.basename(path)}.gz"
        compressed.write_bytes(gzip.compress(pathlib.Path(path).read_bytes()))
    write_soft_labels(*teach(), shards, tmp_path / "plain", **QUIET)
    write_soft_labels(*teach(), [str(path) for path in tmp_path.glob("*.gz")], tmp_path / "gz", **QUIET)
    for one, other in zip(_stored(tmp_path / "plain").values(), _stored(tmp_path / "gz").values(), strict=True):
        np.testing.assert_array_equal(one, other)


def _content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_what_is_done_is_not_done_again(teach, shards, tmp_path):
    taught, directory = teach(), tmp_path / "store"
    assert write_soft_labels(*taught, shards[:2], directory, **QUIET) == 2
    assert write_soft_labels(*taught, shards, directory, **QUIET) == 1
    whole = _content(directory)
    assert write_soft_labels(*taught, shards, directory, **QUIET) == 0
    (directory / "train1.tfrecord.npy").unlink()
    (directory / "train2.tfrecord.npy").write_bytes(b"cut short")
    assert write_soft_labels(*taught, shards, directory, **QUIET) == 2
    assert _content(directory) == whole


def test_an_interruption_loses_the_shard_in_hand(teach, shards, tmp_path, monkeypatch):
    taught = teach()
    write_soft_labels(*taught, shards, tmp_path / "whole", **QUIET)
    real, calls = soft_labels.make_predict, []

    def failing(*arguments):
        predict, source = real(*arguments)

        def once(batch):
            calls.append(batch)
            if len(calls) == 3:  # the second batch of the second shard: five videos each
                raise KeyboardInterrupt
            return predict(batch)

        return once, source

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(soft_labels, "make_predict", failing)
        write_soft_labels(*taught, shards, tmp_path / "store", **QUIET)
    assert sorted(os.listdir(tmp_path / "store")) == ["store.json", "train0.tfrecord.npy"]
    assert len(SoftLabels(tmp_path / "store")) == 5
    assert write_soft_labels(*taught, shards, tmp_path / "store", **QUIET) == 2
    assert _content(tmp_path / "store") == _content(tmp_path / "whole")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"top_k": 4}, "top_k=3 and these would have top_k=4"),
        ({"temperature": 2.0}, "temperature=1.0 and these would have temperature=2.0"),
        ({"weights": (1, 3), "specs": (FRAME, RGB)}, r"teachers=0\.5 \* checkpoint .* would have teachers=0\.25 \*"),
        ({"specs": (RGB, FRAME)}, "teachers=0.5"),
    ],
)
def test_other_teachers_or_settings_are_refused_until_overwrite(asked, said, teach, shards, tmp_path):
    write_soft_labels(*teach((1, 1), (FRAME, RGB)), shards, tmp_path / "store", **QUIET)
    before = _content(tmp_path / "store")
    other = teach(**{"weights": (1, 1), "specs": (FRAME, RGB)} | asked)
    with pytest.raises(InputError, match=f"{said}.*--overwrite, or another --output_dir"):
        write_soft_labels(*other, shards, tmp_path / "store", **QUIET)
    assert _content(tmp_path / "store") == before
    assert write_soft_labels(*other, shards[:1], tmp_path / "store", overwrite=True, **QUIET) == 1
    assert sorted(os.listdir(tmp_path / "store")) == ["store.json", "train0.tfrecord.npy"]


def test_a_shard_that_has_changed_is_named(teach, shards, tmp_path):
    paths = [shutil.copy(path, tmp_path) for path in shards]
    write_soft_labels(*teach(), paths, tmp_path / "store", **QUIET)
    write_shards(tmp_path, "train", [frame_record(video) for video in VIDEOS[::-1]])
    with pytest.raises(InputError, match=r"train0\.tfrecord \(.*is not the file of that name"):
        write_soft_labels(*teach(), paths, tmp_path / "store", **QUIET)


@pytest.mark.parametrize(
    ("videos", "said"),
    [
        ([dataclasses.replace(VIDEOS[0], id=""), *VIDEOS[1:3]], "1 videos have no id"),
        ([VIDEOS[0], VIDEOS[1], VIDEOS[0]], f"video {VIDEOS[0].id} stands in it twice"),
    ],
)
def test_videos_that_cannot_be_told_apart_are_bad_input(videos, said, teach, tmp_path):
    paths = write_shards(tmp_path, "train", [frame_record(video) for video in videos], shards=1)
    with pytest.raises(InputError, match=rf"train0\.tfrecord: {said}"):
        write_soft_labels(*teach(), paths, tmp_path / "store", **QUIET)
    assert os.listdir(tmp_path / "store") == ["store.json"]


def test_two_shards_of_one_name_are_bad_input(teach, shards, tmp_path):
    other = shutil.copy(shards[0], tmp_path)
    with pytest.raises(InputError, match="have one name"):
        write_soft_labels(*teach(), [*shards, other], tmp_path / "store", **QUIET)


def test_a_teacher_that_has_diverged_is_bad_input(teach, shards, tmp_path):
    broken = _model(FRAME)
    for weight in broken.trainable_weights:
        weight.assign(np.full(weight.shape, np.nan))
    _, specs, settings = teach()
    with pytest.raises(InputError, match="NaN"):
        write_soft_labels([broken], specs, settings, shards, tmp_path / "store", **QUIET)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"weights": (1, 2)}, "--teacher_weights=1,2: expected a number above 0 for each of the 1 runs"),
        ({"weights": (0,)}, "--teacher_weights=0: "),
        ({"temperature": 0.0}, "--temperature=0"),
        ({"weights": (1, 1), "specs": (FRAME, RGB), "representation_size": 8}, "--representation keeps that of one"),
        ({"weights": (1, 1), "specs": (FRAME, VIDEO)}, "level"),
    ],
)
def test_settings_that_make_no_sense_are_bad_input(asked, said, teach):
    with pytest.raises(InputError, match=said):
        teach(**asked)
