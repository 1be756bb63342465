"""What models cost: against arithmetic, the weights of built models, every step of a run, and TensorFlow's count."""

import functools
import math
import resource

import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.compression.partial_quantization import is_converted
from yt8m_distill.compression.policy import store
from yt8m_distill.cost.model_cost import model_cost
from yt8m_distill.cost.products import ProductCounter
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.spec import FeatureSpec
from yt8m_distill.stored_weights import named_weights

TINY = [name for name in registry.names() if name.endswith("_tiny")]
PUBLISHED = [name for name in registry.names() if name not in TINY]
FRAMES = 7
needs_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs the TensorFlow backend")


def layers_of(cost):
    return {layer.path: layer for layer in cost.layers}


@functools.cache
def cost_of(name, frames=(300,), **overrides):
    config = registry.model_config(name, **overrides)
    return model_cost(config, FeatureSpec(level=config.level), frames)


@functools.cache
def small(name):
    """(model, FeatureSpec, ModelCost for FRAMES frames) of a model on small features."""
    config = registry.model_config(name)
    spec = FeatureSpec(sizes=(64, 32), num_classes=7, level=config.level)
    return build_model(config, spec), spec, model_cost(config, spec, (FRAMES,))


@pytest.fixture(scope="module")
def nextvlad():
    return cost_of("NeXtVLAD", (300, 30))


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_model_can_be_counted(name):
    total = cost_of(name).total
    assert total.trainable > 0
    assert total.multiply_adds[0] >= total.per_video > 0
    assert (total.multiply_adds[0] > total.per_video) == (registry.model_config(name).level == "frame")


@pytest.mark.parametrize("name", PUBLISHED)
def test_large_models_take_a_quarter_in_8_bits(name):
    total = cost_of(name).total
    count = total.trainable + total.non_trainable
    assert count <= total.bytes_in_8_bits < 4 * count
    if count >= 20_000_000:
        assert total.bytes_in_8_bits <= 0.2512 * 4 * count  # what is small stays float32


@needs_tensorflow
@pytest.mark.parametrize("name", ["NeXtVLAD_tiny", "HiddenLayer_tiny"])
def test_the_size_in_8_bits_is_that_of_a_quantised_model(name):
    model, _, cost = small(name)
    weights = {name: np.zeros(variable.shape, "float32") for name, variable in named_weights(model).items()}
    tensors = {
        name: store(name, array, "uniform" if is_converted(array) else "none") for name, array in weights.items()
    }
    assert cost.total.bytes_in_8_bits == sum(tensor.num_bytes for tensor in tensors.values())


@pytest.mark.parametrize(
    "name, trainable, other",
    [
        ("Logistic", 1152 * 3862 + 3862, 0),
        ("MoE", 1152 * 3862 * 5 + 2 * 3862, 0),
        ("HiddenLayer", (1152 + 1) * 2048 + (2048 + 1) * 3862, 0),
    ],
)
def test_weights_of_models_of_few_layers(name, trainable, other):
    total = cost_of(name).total
    assert (total.trainable, total.non_trainable) == (trainable, other)


def test_weights_of_nextvlad(nextvlad):
    def stream(size, clusters, groups):
        wide, width = 2 * size, 2 * size // groups
        dense = (size + 1) * wide + (wide + 1) * groups + wide * groups * clusters + width * clusters
        return dense, groups * clusters + width * clusters  # and the channels of its two batch norms

    (rgb, rgb_channels), (audio, audio_channels) = stream(1024, 128, 8), stream(128, 64, 4)
    descriptor = 256 * 128 + 64 * 64
    dense = rgb + audio + descriptor * 2048 + 2 * 2048 * 256 + 2048 * 3862 + 3862
    channels = rgb_channels + audio_channels + 2048 + 256
    # A batch norm has two trainable numbers a channel and two others, and counts its updates.
    assert nextvlad.total.trainable == dense + 2 * channels
    assert nextvlad.total.non_trainable == 2 * channels + 6


def test_multiply_adds_of_nextvlad(nextvlad):
    layers = layers_of(nextvlad)
    for frames, column in ((300, 0), (30, 1)):

        def found(path, column=column):
            return layers[f"aggregator/{path}"].multiply_adds[column]

        assert found("rgb_vlad/expand") == frames * 1024 * 2048
        assert found("rgb_vlad/attention") == frames * 2048 * 8
        assert found("rgb_vlad") == frames * (2048 * 8 * 128 + 8 * 256 * 128)  # assignment, sum of residuals
        assert found("audio_vlad") == frames * (256 * 4 * 64 + 4 * 64 * 64)
    assert layers["aggregator/rgb_vlad"].per_video == 0
    per_video = (256 * 128 + 64 * 64) * 2048 + 2 * 2048 * 256 + 2048 * 3862
    assert nextvlad.total.per_video == per_video
    assert nextvlad.total.multiply_adds[0] - per_video == 10 * (nextvlad.total.multiply_adds[1] - per_video)


def test_the_papers_figures_for_nextvlad_are_three_products_of_the_rgb_stream(nextvlad):
    """Table 6 of "Efficient Video Classification Using Fewer Frames": 1.337 and 0.134 billion at 300 and 30 frames."""
    layers = layers_of(nextvlad)
    three = (layers["aggregator/rgb_vlad"], layers["aggregator/rgb_vlad/expand"])
    sums = [sum(layer.multiply_adds[column] for layer in three) for column in (0, 1)]
    assert sums == [1_336_934_400, 133_693_440]
    assert [round(count / 1e9, 3) for count in sums] == [1.337, 0.134]


def _lstm(frames, size, units):
    return frames * 4 * units * (size + units)


@pytest.mark.parametrize("name, chunks, length", [("HRNN", 20, 15), ("HRNN_student_30", 5, 6)])
def test_multiply_adds_of_the_hierarchical_rnn(name, chunks, length):
    total = cost_of(name).total  # the student cuts 300 frames to 30
    lower = _lstm(chunks * length, 1152, 1024) + _lstm(chunks * length, 1024, 1024)
    upper = _lstm(chunks, 4096, 1024) + _lstm(chunks, 1024, 1024)
    assert lower == chunks * length * 17_301_504 and upper == chunks * 29_360_128
    assert total.multiply_adds[0] - total.per_video == lower + upper
    assert total.per_video == 4096 * 3862 * 5


@pytest.mark.parametrize(
    "name, millions",
    [
        ("FVNet_96_1540", 369),
        ("NetVLAD_192_992", 242),
        ("GatedDBoF_4096_1024", 37),
        ("GatedDBoF_6144_1536", 59),
        ("GatedDBoF_3684_920", 33),
        ("BidirectionalLSTM", 19),
    ],
)
def test_sizes_of_the_quantised_models_of_the_size_constrained_paper(name, millions):
    """Table 4 of "Building a Size Constrained Predictive Model for Video Classification": MB at one byte a weight."""
    assert abs(cost_of(name).total.trainable / 1e6 - millions) < 0.8  # the paper cuts some and rounds others


def test_a_model_of_video_level_features_costs_the_same_for_any_number_of_frames():
    total = cost_of("MoE", (300, 30)).total
    assert total.multiply_adds == (1152 * 3862 * 5,) * 2
    assert total.per_video == 1152 * 3862 * 5


def test_no_weight_is_ever_allocated():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost = cost_of("HiddenLayer", num_hidden_units=200_000)
    with keras.StatelessScope():
        pass  # Keras gives variables that wait for it their values where such a scope ends
    assert cost.total.trainable == (1152 + 1) * 200_000 + (200_000 + 1) * 3862
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024  # KiB; the weights are 4 GB


def test_counting_changes_neither_seeds_nor_names():
    keras.utils.set_random_seed(5)
    expected = keras.layers.Dense(2), keras.random.normal((3,))
    keras.utils.set_random_seed(5)
    cost_of("Logistic")
    layer, drawn = keras.layers.Dense(2), keras.random.normal((3,))
    np.testing.assert_array_equal(ops.convert_to_numpy(drawn), ops.convert_to_numpy(expected[1]))
    number = expected[0].name.rpartition("_")[2]
    assert layer.name == f"dense_{int(number) + 1 if number.isdigit() else 1}"


@pytest.mark.parametrize("name", TINY)
def test_weights_are_those_of_the_built_model(name):
    model, _, cost = small(name)
    assert cost.total.trainable == sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert cost.total.non_trainable == sum(math.prod(weight.shape) for weight in model.non_trainable_weights)


class _EveryStep(ProductCounter):
    """Counts while the model really runs, loops step by step."""

    _real_scan = staticmethod(ops.scan)

    def _scan(self, *args, **kwargs):
        return self._real_scan(*args, **kwargs)


@needs_tensorflow  # which runs the body of a loop in Python, step by step, as long as there is no graph
@pytest.mark.parametrize("name", TINY)
def test_multiply_adds_are_those_of_a_run(name):
    model, spec, cost = small(name)
    shape = (1, FRAMES) if spec.has_frames else (1,)
    batch = {feature: np.ones((*shape, size), "uint8") for feature, size in spec.size_by_name.items()}
    counter = _EveryStep()
    with counter.counting():
        model({**batch, "num_frames": np.array([3], "int32")}, training=False)
    layers = [layer.multiply_adds[0] for layer in cost.layers]
    assert sorted(map(sum, counter.found.values())) == sorted(filter(None, layers))


@needs_tensorflow
@pytest.mark.parametrize("name", TINY)
def test_multiply_adds_are_those_that_tensorflow_finds_in_its_graph(name):
    model, spec, cost = small(name)
    graph = _graph(model, spec)
    if any("While" in operation.type for operation in graph.get_operations()):
        pytest.skip("TensorFlow's profiler looks into no loop")
    assert cost.total.multiply_adds == (_profiled(graph) + _in_einsums(graph),)


def _graph(model, spec):
    import tensorflow as tf

    shape, dtype = ((1, FRAMES), tf.uint8) if spec.has_frames else ((1,), tf.float32)
    inputs = {feature: tf.TensorSpec((*shape, size), dtype) for feature, size in spec.size_by_name.items()}
    if spec.has_frames:
        inputs["num_frames"] = tf.TensorSpec((1,), tf.int32)
    return tf.function(lambda batch: model(batch, training=False)).get_concrete_function(inputs).graph


def _profiled(graph):
    """Multiply-adds of the MatMul operations, as TensorFlow's profiler counts them: two operations each."""
    import tensorflow as tf

    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output()
    options = {**options.build(), "account_type_regexes": [".*MatMul.*"]}
    return profiler.profile(graph, options=options, cmd="op").total_float_ops // 2


def _in_einsums(graph):
    """Multiply-adds of the Einsum operations, which the profiler does not know."""
    count = 0
    for operation in graph.get_operations():
        if operation.type == "Einsum":
            labels = operation.get_attr("equation").decode().split("->")[0].replace(",", "")
            sizes = [size for tensor in operation.inputs for size in tensor.shape]
            count += math.prod(dict(zip(labels, sizes, strict=True)).values())
    return count
