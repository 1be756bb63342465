import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.fast_gru import CLIP_AGGREGATIONS
from yt8m_distill.models.classifier import build_model
from yt8m_distill.models.fast_gru import ClipAggregator, build_aggregator
from yt8m_distill.spec import FeatureSpec

RNG = np.random.default_rng(0)
FEATURES = {name: RNG.normal(size=(3, 5, size)).astype("float32") for name, size in (("rgb", 12), ("audio", 6))}
PAIR = {name: RNG.normal(size=(3, 5, 12)).astype("float32") for name in ("expensive", "light")}
NUM_FRAMES = np.array([5, 2, 1], "int32")

every_aggregation = pytest.mark.parametrize("aggregation", CLIP_AGGREGATIONS)


def built(features=FEATURES, **options):
    keras.utils.set_random_seed(0)
    aggregator = ClipAggregator(**options)
    aggregator.build({name: x.shape for name, x in features.items()})
    return aggregator


def run(aggregator, features, num_frames=NUM_FRAMES, **options):
    return ops.convert_to_numpy(aggregator(features, np.asarray(num_frames, "int32"), **options))


def projected(aggregator, maps):
    kernel, bias = (ops.convert_to_numpy(weight) for weight in aggregator.projection.weights)
    return maps @ kernel + bias


def joined(features, positions):
    """Every feature's channels side by side at every position: (batch, clips, positions, channels)."""
    return np.concatenate([x.reshape(*x.shape[:2], positions, -1) for x in features.values()], axis=-1)


@pytest.mark.parametrize("aggregation", ["fast_gru", "concat"])
def test_maps_keep_their_positions_until_the_last_state(aggregation):
    aggregator = built(aggregation=aggregation, positions=3, channels=4)
    maps = projected(aggregator, joined(FEATURES, 3))
    states = ops.convert_to_numpy(aggregator.recurrence(maps, NUM_FRAMES))
    np.testing.assert_allclose(run(aggregator, FEATURES), states.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("aggregation", ["gru", "lstm"])
def test_gru_and_lstm_read_pooled_maps(aggregation):
    aggregator = built(aggregation=aggregation, positions=3, channels=4)
    outputs, _ = aggregator.recurrence(projected(aggregator, joined(FEATURES, 3).mean(axis=2)), NUM_FRAMES)
    last = ops.convert_to_numpy(outputs)[np.arange(3), NUM_FRAMES - 1]
    np.testing.assert_allclose(run(aggregator, FEATURES), last, atol=1e-6)


def test_average_gives_linear_scores_the_mean_of_the_scores_of_the_clips():
    aggregator, scores = built(aggregation="average", positions=3, channels=4), RNG.normal(size=(4, 7))
    of_clips = projected(aggregator, joined(FEATURES, 3).mean(axis=2)) @ scores
    expected = [of_clips[row, :count].mean(axis=0) for row, count in enumerate(NUM_FRAMES)]
    np.testing.assert_allclose(run(aggregator, FEATURES) @ scores, expected, atol=1e-5)


@every_aggregation
@pytest.mark.parametrize("channels", [0, 6, 8])
def test_clips_are_projected_where_the_channels_differ(aggregation, channels):
    aggregator = built(aggregation=aggregation, positions=3, channels=channels)
    assert (aggregator.projection is None) == (channels in (0, 6))
    width = channels or 6
    assert aggregator.compute_output_shape({name: x.shape for name, x in FEATURES.items()}) == (3, width)
    assert run(aggregator, FEATURES).shape == (3, width)


@every_aggregation
@pytest.mark.parametrize("every", [1, 2, 3, 9])
def test_expensive_every_chooses_the_feature_of_every_clip(aggregation, every):
    chosen = PAIR["light"].copy()
    chosen[:, ::every] = PAIR["expensive"][:, ::every]
    single = built({"chosen": chosen}, aggregation=aggregation, positions=2, channels=4)
    pair = built(PAIR, aggregation=aggregation, positions=2, channels=4, expensive_every=every)
    np.testing.assert_allclose(run(pair, PAIR), run(single, {"chosen": chosen}), atol=1e-6)


@every_aggregation
def test_the_order_of_the_clips_matters_except_for_the_average(aggregation):
    aggregator = built(aggregation=aggregation, channels=4)
    outputs = run(aggregator, FEATURES, [5, 5, 5])
    reversed_ = run(aggregator, {name: x[:, ::-1] for name, x in FEATURES.items()}, [5, 5, 5])
    assert np.allclose(outputs, reversed_, atol=1e-5) == (aggregation == "average")


@every_aggregation
@pytest.mark.parametrize("training", [False, True])
def test_padded_clips_change_nothing(aggregation, training):
    longer = {name: np.concatenate([x, RNG.normal(size=x.shape)], axis=1) for name, x in FEATURES.items()}
    for x in longer.values():
        x[1, 2:], x[2, 1:] = 77.0, -77.0
    results = []
    for features in (FEATURES, longer):
        aggregator = built(aggregation=aggregation, positions=3, channels=4)
        results.append([run(aggregator, features, training=training), *aggregator.get_weights()])
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-6)


@every_aggregation
@pytest.mark.parametrize(("num_frames", "rows"), [([1, 1], 1), ([0, 0], 2), ([0, 0], 0), ([], 4)])
@pytest.mark.parametrize("training", [False, True])
def test_any_number_of_clips_gives_finite_numbers(aggregation, num_frames, rows, training):
    features = {name: x[: len(num_frames), :rows] for name, x in FEATURES.items()}
    outputs = run(built(aggregation=aggregation, channels=4), features, num_frames, training=training)
    assert outputs.shape == (len(num_frames), 4)
    assert np.isfinite(outputs).all()
    if not sum(num_frames):
        np.testing.assert_array_equal(outputs, np.zeros_like(outputs))


@every_aggregation
def test_one_step_moves_every_weight(aggregation):
    config = registry.model_config("FASTGRU_tiny", clip_aggregation=aggregation, clip_positions=2, fast_gru_channels=8)
    model = build_model(config, FeatureSpec(sizes=(12, 6), num_classes=7), seed=1)
    model.compile(keras.optimizers.Adam(1e-3), loss={"predictions": "binary_crossentropy"}, run_eagerly=True)
    before = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    labels = RNG.integers(0, 2, (3, 7)).astype("float32")
    model.train_on_batch({**FEATURES, "num_frames": NUM_FRAMES}, {"predictions": labels})
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert (ops.convert_to_numpy(variable) != old).any(), variable.path


@pytest.mark.parametrize("aggregation", ["gru", "lstm", "average"])
def test_a_config_gives_the_same_layer(aggregation):
    aggregator = built(aggregation=aggregation, positions=3, channels=4)
    again = ClipAggregator.from_config(aggregator.get_config())
    again.build({name: x.shape for name, x in FEATURES.items()})
    again.set_weights(aggregator.get_weights())
    np.testing.assert_array_equal(run(again, FEATURES), run(aggregator, FEATURES))


def test_the_published_model_has_the_papers_sizes():
    params = registry.model_config("FASTGRU", clip_positions=196, expensive_every=2, fast_gru_channels=0).aggregator
    assert params.fast_gru_reduction == 4
    aggregator = build_aggregator(params, FeatureSpec(("expensive", "light"), (196 * 2048,) * 2, 400))
    assert aggregator.compute_output_shape({"expensive": (None, None, 196 * 2048)}) == (None, 2048)


@pytest.mark.parametrize(
    ("options", "spec", "message"),
    [
        ({"clip_positions": 5}, FeatureSpec(sizes=(16, 8)), "rgb has 16 values a clip"),
        ({"expensive_every": 2}, FeatureSpec(sizes=(16, 8)), "rgb of 16, audio of 8"),
        ({"expensive_every": 2}, FeatureSpec(("rgb",), (16,)), "two features of one size"),
    ],
)
def test_features_that_do_not_fit_are_named(options, spec, message):
    with pytest.raises(InputError, match=message):
        build_model(registry.model_config("FASTGRU_tiny", **options), spec)


@pytest.mark.parametrize(
    "options",
    [
        {"clip_aggregation": "mean"},
        {"clip_positions": 0},
        {"expensive_every": -1},
        {"fast_gru_channels": -1},
        {"fast_gru_reduction": 0},
    ],
)
def test_numbers_out_of_range_are_input_errors(options):
    with pytest.raises(InputError, match=f"--{next(iter(options))}="):
        registry.model_config("FASTGRU_tiny", **options)


@pytest.mark.parametrize("options", [{"aggregation": "mean"}, {"positions": 0}, {"channels": -1}])
def test_the_layer_checks_its_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ClipAggregator(**options)
