"""What several models predict together is what each predicts alone, and it is found again in its file."""

import dataclasses
import pathlib

import numpy as np
import pytest
from made_runs import FRAME, SEGMENT, frame_record, make_config, make_videos, write_shards

from yt8m_distill.compression.weight_search import gap_of, share_proven
from yt8m_distill.data.batches import model_inputs
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.inference import member_predictions
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.inference.member_predictions import predict_members, stored_predictions
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import Run

VIDEOS = make_videos(14, seed=3)
RGB = dataclasses.replace(FRAME, names=("rgb",), sizes=(16,), max_frames=7)
DRAWN = dataclasses.replace(FRAME, names=("audio",), sizes=(8,), sampled_frames=3, frame_sampler="random")
SPECS = (FRAME, RGB, DRAWN)
QUIET = {"progress": False, "batch_size": 4}


@pytest.fixture(scope="module")
def models():
    return [
        build_model(registry.model_config("FrameLevelLogistic"), spec, seed=seed) for seed, spec in enumerate(SPECS)
    ]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("held_out"), "data", [frame_record(video) for video in VIDEOS])


@pytest.fixture(scope="module")
def whole(models, shards):
    """Predictions of which every class is kept."""
    return predict_members(models, SPECS, shards, kept=100, **QUIET)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A Run for each model, with files that stand for its checkpoint."""
    found, tmp_path = [], tmp_path_factory.mktemp("runs")
    for number, spec in enumerate(SPECS):
        prefix = tmp_path / f"ckpt-{number}"
        for part in (".index", ".data-00000-of-00001"):
            pathlib.Path(f"{prefix}{part}").write_text(f"{number} {part}")
        found.append(Run(str(tmp_path), make_config(spec=spec), str(prefix), number))
    return found


def test_every_member_sees_its_own_features_and_frames(whole, models, shards):
    for number, (model, spec) in enumerate(zip(models, SPECS, strict=True)):
        batches = list(read_batches(shards, spec, ReadOptions(4)))
        alone = [np.asarray(model(model_inputs(batch, spec), training=False)["predictions"]) for batch in batches]
        np.testing.assert_allclose(whole.scores[number], np.concatenate(alone), atol=1e-6)
    labels = {video.id.encode(): video.labels for video in VIDEOS}
    assert sorted(whole.ids.tolist()) == sorted(labels)
    for name, hits, count in zip(whole.ids.tolist(), whole.hits, whole.num_labels, strict=True):
        assert tuple(np.flatnonzero(hits)) == labels[name] and count == len(labels[name])


def test_gap_of_one_member_is_that_of_its_evaluation(whole, models, shards):
    results, _ = evaluate(models[2], DRAWN, shards, **QUIET)
    assert gap_of([0, 0, 1], whole) == pytest.approx(results["gap"], abs=1e-9)


def test_of_each_video_the_classes_of_the_best_ranks_are_kept(whole, models, shards):
    few = predict_members(models, SPECS, shards, kept=5, **QUIET)
    assert few.scores.shape == (3, 14, 5) and few.scores.dtype == np.float32
    ranks = np.argsort(np.argsort(-whole.scores, axis=2, kind="stable"), axis=2).min(axis=0)
    for video, rank in enumerate(ranks):
        kept = np.sort(np.argsort(rank, kind="stable")[:5])
        np.testing.assert_allclose(few.scores[:, video], whole.scores[:, video, kept], atol=1e-6)
        left_out = np.delete(whole.scores[:, video], kept, axis=1)
        np.testing.assert_allclose(few.floors[:, video], left_out.max(axis=1), atol=1e-6)
        assert (few.hits[video] == whole.hits[video, kept]).all()
    assert (few.num_labels == whole.num_labels).all()
    assert share_proven([0.4, 0.3, 0.3], whole) == 1


@pytest.fixture(scope="module")
def stored(runs, models, shards, tmp_path_factory):
    """(file, what was predicted when it was written)."""
    path = str(tmp_path_factory.mktemp("stored") / "predictions.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member_predictions, "restore_model", lambda run: models[run.step])
        return path, stored_predictions(path, runs, shards, kept=6, **QUIET)


def test_the_file_holds_what_was_predicted_and_is_read_instead(stored, runs, shards):
    path, first = stored
    again = stored_predictions(path, runs, shards, kept=6, **QUIET)
    for field in dataclasses.fields(first):
        there, here = getattr(again, field.name), getattr(first, field.name)
        assert there.dtype == here.dtype and (there == here).all()


def changed(run, **fields):
    return dataclasses.replace(run, **fields)


def sampling(run, frames):
    """The run as if its config.json said so: the weights are the same, the predictions are not."""
    features = changed(run.config.features, sampled_frames=frames)
    return changed(run, config=changed(run.config, features=features))


def normalizing(run):
    """The run as if its config.json named another normalization."""
    model = registry.with_fields(run.config.model, normalization="modality")
    return changed(run, config=changed(run.config, model=model))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda runs, shards: ([runs[0], runs[2], runs[1]], shards, 6), "other members .* than"),
        (lambda runs, shards: ([changed(runs[0], use_ema=True), *runs[1:]], shards, 6), "other members"),
        (lambda runs, shards: ([sampling(runs[0], 1), *runs[1:]], shards, 6), "other members"),
        (lambda runs, shards: ([normalizing(runs[0]), *runs[1:]], shards, 6), "other members"),
        (lambda runs, shards: (runs, shards[:2], 6), "other records"),
        (lambda runs, shards: (runs, shards, 7), "other number of kept classes"),
    ],
)
def test_a_file_of_other_predictions_is_refused(change, said, stored, runs, shards):
    path = stored[0]
    before = pathlib.Path(path).read_bytes()
    other, records, kept = change(runs, shards)
    with pytest.raises(InputError, match=said):
        stored_predictions(path, other, records, kept=kept, **QUIET)
    assert pathlib.Path(path).read_bytes() == before


def test_a_file_of_something_else_is_bad_input(runs, shards, tmp_path):
    path = tmp_path / "predictions.npz"
    path.write_text("nothing")
    with pytest.raises(InputError, match="holds no predictions of members"):
        stored_predictions(str(path), runs, shards, **QUIET)
    with open(path, "wb") as file:
        np.save(file, np.zeros(1))
    with pytest.raises(InputError, match="holds no predictions of members"):
        stored_predictions(str(path), runs, shards, **QUIET)
    np.savez(path, ids=np.zeros(1))
    with pytest.raises(InputError, match="holds no predictions of members"):
        stored_predictions(str(path), runs, shards, **QUIET)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_bad_input(damage, stored, runs, shards, tmp_path):
    content, path, refused = pathlib.Path(stored[0]).read_bytes(), tmp_path / "predictions.npz", 0
    for place in range(10, len(content), 97):
        rest = b"" if damage == "cut" else bytes([content[place] ^ 255]) + content[place + 1 :]
        path.write_bytes(content[:place] + rest)
        try:
            stored_predictions(str(path), runs, shards, kept=6, **QUIET)
        except InputError:
            refused += 1
    assert refused > len(content) // 97 // 2  # not every byte of a zip file counts


def test_what_cannot_be_weighed_is_bad_input(models, shards):
    with pytest.raises(InputError, match="trained on segments"):
        predict_members(models[:1], [SEGMENT], shards, **QUIET)
    with pytest.raises(InputError, match="differ in num_classes"):
        predict_members(models[:2], [FRAME, dataclasses.replace(RGB, num_classes=9)], shards, **QUIET)
    broken = build_model(registry.model_config("FrameLevelLogistic"), FRAME)
    for weight in broken.trainable_weights:
        weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(InputError, match="a member has diverged"):
        predict_members([broken], [FRAME], shards, **QUIET)
