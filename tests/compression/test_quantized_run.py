"""A quantised run directory, and how far quantising moved the model."""

import dataclasses
import os

import numpy as np
import pytest
from made_runs import VIDEO, make_config, make_videos, train, video_record, write_shards

from yt8m_distill.compression.averaged_run import write_averaged_run
from yt8m_distill.compression.made_run import require_makeable, require_unquantized
from yt8m_distill.compression.policy import Policy, store
from yt8m_distill.compression.quantized_run import quantize_model, weights_of, write_quantized_run
from yt8m_distill.compression.size_advice import advice
from yt8m_distill.errors import InputError
from yt8m_distill.inference.divergence import PredictionDivergence
from yt8m_distill.run_config import find_run, load_config, restore_model
from yt8m_distill.stored_weights import Codebook, read_stored
from yt8m_distill.training.ema_source import averaging_params
from yt8m_distill.training.run_directory import prepare

LARGE = "aggregator/hidden/kernel"
POLICY = Policy(min_elements=50)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    records = [video_record(video) for video in make_videos(30)]
    return write_shards(tmp_path_factory.mktemp("data"), "train", records, 1)


@pytest.fixture(scope="module")
def run(shards, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "float"
    train(make_config("HiddenLayer_tiny", num_epochs=1), directory, shards)
    return find_run(str(directory))


@pytest.fixture(scope="module")
def quantized(run):
    """The Run of a quantised directory, and the model that was quantised."""
    model = restore_model(run)
    tensors, rows = quantize_model(model, POLICY.methods(weights_of(model)))
    directory = run.directory + "-8bit"
    write_quantized_run(run, tensors, rows, {"method": "uniform"}, directory)
    return find_run(directory), model


def test_a_restored_model_has_the_quantised_weights(run, quantized):
    made, model = quantized
    before, after, restored = (weights_of(one) for one in (restore_model(run), model, restore_model(made)))
    assert after.keys() == restored.keys()
    for name in after:
        np.testing.assert_array_equal(restored[name], after[name])
        assert np.array_equal(before[name], after[name]) == (before[name].size <= 50)
    assert len(np.unique(restored[LARGE])) <= 256


def test_large_weights_are_codes_on_disk(quantized):
    tensors = read_stored(quantized[0].checkpoint)
    assert type(tensors[LARGE]) is Codebook
    assert made_sizes(quantized[0])[LARGE] == tensors[LARGE].num_bytes


def made_sizes(made):
    with open(os.path.join(made.directory, "quantization.csv"), encoding="utf-8") as file:
        rows = [line.strip().split(",") for line in file]
    return {row[0]: int(row[4]) for row in rows[1:]}


def test_the_run_says_where_it_comes_from(run, quantized):
    made = quantized[0]
    assert (made.step, made.config.model) == (run.step, run.config.model)
    assert made.config.origin.command == "quantize"
    assert made.config.origin.sources[0].path == run.checkpoint
    assert load_config(made.directory) == made.config


def test_codes_are_not_coded_again_nor_trained_on(quantized, run):
    with pytest.raises(InputError, match=r"is quantised, .* quantise the run that .* instead, .*float/checkpoints"):
        require_unquantized(quantized[0], "quantise")
    require_unquantized(run, "quantise")
    with pytest.raises(InputError, match=r"is quantised, .* go on from the run that .* instead, .*float/checkpoints"):
        averaging_params(quantized[0])
    with pytest.raises(InputError, match="holds weights that quantize made, not a run that could be trained on"):
        prepare(dataclasses.replace(run.config, origin=None), quantized[0].directory)


def test_only_made_runs_are_written_over(run, quantized):
    require_makeable(quantized[0].directory, "quantize", [run.directory], overwrite=True)
    with pytest.raises(InputError, match="is there already"):
        require_makeable(quantized[0].directory, "quantize", [])
    with pytest.raises(InputError, match="that quantize made: --overwrite of average leaves it"):
        require_makeable(quantized[0].directory, "average", [], overwrite=True)
    with pytest.raises(InputError, match="is a run that was trained: --overwrite of quantize leaves it"):
        require_makeable(run.directory, "quantize", [], overwrite=True)
    with pytest.raises(InputError, match="--output_dir is empty"):
        require_makeable(None, "quantize", [])


def test_a_run_never_takes_the_place_of_its_source(run, tmp_path):
    model, mean = restore_model(run), str(tmp_path / "mean")
    write_averaged_run(model, [run], mean, {})
    (tmp_path / "link").symlink_to(mean)
    for named in (mean, f"{mean}/checkpoints/ckpt-{run.step}", str(tmp_path / "link")):
        with pytest.raises(InputError, match=r"is, or holds, .*, which is read: give another --output_dir"):
            write_averaged_run(model, [find_run(named)], mean, {}, overwrite=True)
    with pytest.raises(InputError, match="is, or holds"):
        require_makeable(str(tmp_path), "average", [mean], overwrite=True)
    assert find_run(mean).config.origin.sources[0].path == run.checkpoint
    write_averaged_run(model, [run], mean, {}, overwrite=True)


def test_a_weight_that_holds_nan_is_named(run):
    model = restore_model(run)
    model.aggregator.weights[0].assign(model.aggregator.weights[0] * np.nan)
    with pytest.raises(InputError, match=f"{LARGE} holds .* values that are NaN"):
        quantize_model(model, POLICY.methods(weights_of(model)))


def test_another_models_weights_are_refused(quantized):
    other = dataclasses.replace(quantized[0].config, model=make_config("Logistic", VIDEO).model)
    with pytest.raises(InputError, match=r"does not fit the Logistic.*: they do not both have aggregator/hidden"):
        restore_model(dataclasses.replace(quantized[0], config=other))


def test_the_divergence_of_predictions_grows_with_the_error(run, shards):
    model = restore_model(run)
    divergence = PredictionDivergence(model, VIDEO, shards, examples=20, batch_size=8)
    weight = weights_of(model)[LARGE]
    noise = np.random.default_rng(0).normal(size=weight.shape).astype("float32") * weight.std()
    moved = [divergence({LARGE: weight + share * noise}) for share in (0.0, 0.01, 0.1, 1.0)]
    assert abs(moved[0]) < 1e-6
    assert moved[1] < moved[2] < moved[3]
    assert divergence({}) == moved[0], "the weights are put back"


def test_the_divergence_counts_the_videos_it_was_told_to(run, shards):
    model = restore_model(run)
    assert PredictionDivergence(model, VIDEO, shards, examples=11, batch_size=8).examples == 11
    assert PredictionDivergence(model, VIDEO, shards, examples=99, batch_size=8).examples == 30


def test_advice_names_the_largest_and_what_fewer_bits_would_save():
    random = np.random.default_rng(0)
    model = {
        "a": random.normal(size=(300, 100)).astype("float32"),
        "b": random.normal(size=(200, 100)).astype("float32"),
    }
    plain = {name: store(name, array, "none") for name, array in model.items()}
    eight = {name: store(name, array, "uniform") for name, array in model.items()}
    text = advice(plain, excess=100_000)
    assert text.startswith("The largest weights are a (float32, 0.1 MB), b (float32, 0.1 MB).")
    assert "8 bits would save 0.1 MB, which would fit. 4 bits would save 0.2 MB, which would fit." in text
    assert advice(eight, excess=100_000).endswith("4 bits would save 0.0 MB, which would not be enough.")
