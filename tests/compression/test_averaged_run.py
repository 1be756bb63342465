"""Runs made from the mean of checkpoints, and their batch norm, against the same by hand."""

import dataclasses
import types

import numpy as np
import pytest
from made_runs import FRAME, VIDEO, frame_record, make_config, make_videos, train, video_record, write_shards

from yt8m_distill.checksums import checkpoint_checksum
from yt8m_distill.compression.averaged_run import averaged_model, write_averaged_run
from yt8m_distill.compression.batch_norm_statistics import reestimate
from yt8m_distill.compression.made_run import write_made_run
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.origin import Origin
from yt8m_distill.inference.evaluate import evaluate
from yt8m_distill.models.classifier import build_model
from yt8m_distill.run_config import complete_checkpoints, find_run, restore_model
from yt8m_distill.stored_weights import Plain, named_weights
from yt8m_distill.training.run_directory import prepare

CONFIG = make_config(overrides={"hidden_batch_norm": True}, num_epochs=1, save_checkpoint_steps=2, ema_decay=0.5)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(shards, runs of steps 2, 4 and 6)."""
    directory = tmp_path_factory.mktemp("made")
    shards = write_shards(directory, "train", [video_record(video) for video in make_videos(50)])
    train(CONFIG, directory / "run", shards)
    return shards, [find_run(prefix) for prefix in complete_checkpoints(str(directory / "run"))]


def _numbers(run):
    return {name: weight.numpy() for name, weight in named_weights(restore_model(run)).items()}


def test_the_weights_are_the_mean_and_the_run_is_one_like_any_other(made, tmp_path):
    shards, runs = made
    assert [run.step for run in runs] == [2, 4, 6]
    write_averaged_run(averaged_model(runs), runs, str(tmp_path / "mean"), {"batch_norm": "averaged"})
    mean = find_run(str(tmp_path / "mean"))
    parts = [_numbers(run) for run in runs]
    for name, value in _numbers(mean).items():
        expected = np.mean([part[name] for part in parts], axis=0, dtype=np.float64)
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-8, err_msg=name)
    assert mean.step == 6
    origin = mean.config.origin
    assert (origin.command, origin.settings) == ("average", {"batch_norm": "averaged"})
    assert [source.checksum for source in origin.sources] == [checkpoint_checksum(run.checkpoint) for run in runs]
    assert [source.weight for source in origin.sources] == [1 / 3] * 3
    results, _ = evaluate(restore_model(mean), VIDEO, shards, progress=False)
    assert results["examples"] == 50
    with pytest.raises(InputError, match="holds weights that average made"):
        prepare(CONFIG, str(tmp_path / "mean"))
    with pytest.raises(InputError, match="holds no average"):
        find_run(str(tmp_path / "mean"), use_ema=True)


def test_moving_averages_can_be_averaged(made):
    runs = [find_run(run.checkpoint, use_ema=True) for run in made[1][:2]]
    parts = [_numbers(run) for run in runs]
    assert any(not np.array_equal(value, _numbers(made[1][0])[name]) for name, value in parts[0].items())
    for name, weight in named_weights(averaged_model(runs)).items():
        np.testing.assert_allclose(weight.numpy(), (parts[0][name] + parts[1][name]) / 2, rtol=1e-6, atol=1e-8)


def _write_untrained(config, directory, spoilt=None):
    model = build_model(config.model, config.features)
    if spoilt:
        weight = named_weights(model)[spoilt]
        weight.assign(np.full(weight.shape, np.nan))
    tensors = {name: Plain(weight.numpy()) for name, weight in named_weights(model).items()}
    write_made_run(dataclasses.replace(config, origin=Origin("average", (), {})), tensors, 1, directory)


def test_other_models_have_no_mean(made, tmp_path):
    _, runs = made
    for name, overrides, message in (
        (
            "wider",
            {"hidden_batch_norm": True, "num_hidden_units": 65},
            "with num_hidden_units=64 and .* of one with num_hidden_units=65",
        ),
        ("plain", {}, "with hidden_batch_norm=True and .* of one with hidden_batch_norm=False"),
        (
            "dropping",
            {"hidden_batch_norm": True, "hidden_dropout": 0.25},
            r"with hidden_dropout=.* of one with .*0\.25",
        ),
    ):
        _write_untrained(make_config(overrides=overrides), str(tmp_path / name))
        with pytest.raises(InputError, match=message):
            averaged_model([runs[0], find_run(str(tmp_path / name))])


def test_runs_on_other_data_have_no_mean(made, tmp_path):
    spec = dataclasses.replace(VIDEO, names=("mean_audio", "mean_rgb"), sizes=(16, 8))
    _write_untrained(make_config(spec=spec, overrides={"hidden_batch_norm": True}), str(tmp_path / "other"))
    with pytest.raises(InputError, match=r"names=\('mean_rgb', 'mean_audio'\) and .*other.* names=\('mean_audio'"):
        averaged_model([made[1][0], find_run(str(tmp_path / "other"))])


def test_a_checkpoint_that_is_not_finite_is_named(made, tmp_path):
    _write_untrained(CONFIG, str(tmp_path / "spoilt"), "aggregator/hidden_bn/moving_mean")
    with pytest.raises(InputError, match="spoilt/checkpoints/ckpt-1: aggregator/hidden_bn/moving_mean holds 64 values"):
        averaged_model([made[1][0], find_run(str(tmp_path / "spoilt"))])


def test_a_quantised_run_is_refused(made):
    [source, *_] = made[1]
    config = dataclasses.replace(source.config, origin=Origin("quantize", (types.SimpleNamespace(path="runs/a"),), {}))
    with pytest.raises(InputError, match=r"is quantised, .* average the run that it was made from instead, runs/a"):
        averaged_model([source, dataclasses.replace(source, config=config)])


def test_a_batch_norms_statistics_are_the_mean_moments_of_the_batches(tmp_path):
    """Of a model whose first layer is a batch norm, by hand from the records."""
    shards = write_shards(tmp_path, "train", [frame_record(video) for video in make_videos(26)], 2)
    overrides = {"input_batch_norm": True, "normalization": "none"}
    config = make_config("FrameLevelLogistic", FRAME, overrides)
    model = build_model(config.model, FRAME, seed=1)
    model.front_end.rgb_bn.updates.assign(7.0)
    reading = {"batch_size": 8, "bucket_by_length": True}
    before = {name: weight.numpy() for name, weight in named_weights(model).items()}
    assert reestimate(model, FRAME, shards, 24, seed=3, progress=False, **reading) == 24
    means, variances = [], []
    for batch in read_batches(shards, FRAME, ReadOptions(**reading), seed=3, labelled=False).take(3):
        counts, frames = batch["num_frames"].numpy(), batch["rgb"].numpy().astype(np.float64) * (4 / 255) + 4 / 512 - 2
        valid = np.concatenate([video[:count] for video, count in zip(frames, counts, strict=True)])
        means.append(valid.mean(0))
        variances.append(valid.var(0))
    np.testing.assert_allclose(model.front_end.rgb_bn.moving_mean, np.mean(means, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.front_end.rgb_bn.moving_variance, np.mean(variances, 0), rtol=1e-4)
    changed = {
        name for name, weight in named_weights(model).items() if not np.array_equal(weight.numpy(), before[name])
    }
    assert {name.rpartition("/")[2] for name in changed} == {"moving_mean", "moving_variance"}


def test_frames_drawn_at_random_are_those_of_the_seed(tmp_path):
    """A made run stores no random states: each model read from it has others."""
    shards = write_shards(tmp_path, "train", [frame_record(video) for video in make_videos(16)], 2)
    model = build_model(make_config("DBoF_tiny", FRAME, {"iterations": 4}).model, FRAME, seed=1)
    state, found = model.front_end.sampling.seed_generator.state, []
    for number in (7, 8):
        state.assign([number, number])
        reestimate(model, FRAME, shards, 16, seed=3, progress=False, batch_size=16)
        found.append({name: weight.numpy() for name, weight in named_weights(model).items()})
        np.testing.assert_array_equal(state, [number, number])
    for name, value in found[0].items():
        np.testing.assert_array_equal(value, found[1][name], err_msg=name)


def test_a_smaller_last_batch_counts_less_and_dropout_is_off(made):
    """18 of 50 videos are the second batch; statistics behind a dropout are those of the model without."""
    shards, runs = made
    model = restore_model(runs[-1])
    hidden = model.aggregator
    hidden.drop_inputs.rate = 0.5
    assert reestimate(model, VIDEO, shards, 64, progress=False, batch_size=32) == 50
    assert hidden.drop_inputs.rate == 0.5
    mean, again = hidden.hidden_bn.moving_mean.numpy(), restore_model(runs[-1])
    reestimate(again, VIDEO, shards, 64, progress=False, batch_size=32)
    np.testing.assert_array_equal(mean, again.aggregator.hidden_bn.moving_mean)
    inputs = [
        np.concatenate([b[n] for n in VIDEO.names], 1)
        for b in read_batches(shards, VIDEO, ReadOptions(batch_size=32), seed=0)
    ]
    assert [len(rows) for rows in inputs] == [32, 18]
    normed = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in inputs]
    dense = np.concatenate(normed).astype(np.float64) @ hidden.hidden.kernel.numpy() + hidden.hidden.bias.numpy()
    np.testing.assert_allclose(mean, np.maximum(dense, 0).mean(0), rtol=1e-4, atol=1e-6)


def test_a_model_without_batch_norm_has_no_statistics(made):
    config = make_config()
    with pytest.raises(InputError, match="HiddenLayer_tiny has no batch norm"):
        reestimate(build_model(config.model, VIDEO), VIDEO, made[0], 10)
