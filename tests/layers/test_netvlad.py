"""NetVLAD, LightVLAD and NetVLAGD."""

import numpy as np
import pytest
from keras import ops

from yt8m_distill.layers.light_vlad import LightVLAD, intra_normalize
from yt8m_distill.layers.netvlad import NetVLAD
from yt8m_distill.layers.netvlagd import NetVLAGD

from .plain_assignment import array, plain_assignment

RNG = np.random.default_rng(0)
FRAMES = RNG.normal(size=(3, 6, 8)).astype("float32")

every_layer = pytest.mark.parametrize("layer_class", [LightVLAD, NetVLAD, NetVLAGD])


def built(layer_class, **options):
    layer = layer_class(clusters=3, **options)
    layer.build(FRAMES.shape)
    for weight in layer.weights:
        weight.assign(RNG.uniform(0.2, 1.0, weight.shape))
    return layer


def plain_vlad(layer, frames):
    """The formulas of the class docstring for one video without padding, in float64 and with loops."""
    assignment = plain_assignment(layer.assignment, frames)
    vlad = np.zeros((frames.shape[1], layer.clusters))
    for t, frame in enumerate(frames):
        for k in range(layer.clusters):
            if isinstance(layer, NetVLAD):
                vlad[:, k] += assignment[t, k] * (frame - array(layer.centres)[:, k])
            elif isinstance(layer, NetVLAGD):
                vlad[:, k] += assignment[t, k] * frame / (1 + np.exp(-array(layer.gates)[k]))
            else:
                vlad[:, k] += assignment[t, k] * frame
    flat = (vlad / np.linalg.norm(vlad, axis=0)).reshape(-1)
    return flat / np.linalg.norm(flat)


@every_layer
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_layer_computes_the_published_formulas(layer_class, batch_norm):
    layer = built(layer_class, batch_norm=batch_norm)
    outputs = ops.convert_to_numpy(layer(FRAMES, np.array([6, 2, 1])))
    for row, count in enumerate((6, 2, 1)):
        np.testing.assert_allclose(outputs[row], plain_vlad(layer, FRAMES[row, :count]), atol=1e-6)


@every_layer
def test_a_video_without_frames_is_zero(layer_class):
    outputs = ops.convert_to_numpy(built(layer_class)(FRAMES, np.array([0, 0, 6])))
    assert (outputs[:2] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(outputs[2]), 1.0, rtol=1e-6)


@every_layer
@pytest.mark.parametrize("shape", [(0, 6, 8), (2, 0, 8), (0, 0, 8)])
def test_a_batch_without_rows_or_frames_keeps_its_shape(layer_class, shape):
    layer = built(layer_class)
    outputs = layer(np.zeros(shape, "float32"), np.zeros(shape[0], "int32"))
    assert tuple(outputs.shape) == layer.compute_output_shape(shape) == (shape[0], 24)


def test_a_cluster_without_frames_stays_zero_and_the_others_share_the_unit_length():
    vlad = RNG.normal(size=(2, 4, 3)).astype("float32")
    vlad[0, :, 1] = 0.0
    columns = ops.convert_to_numpy(intra_normalize(vlad)).reshape(2, 4, 3)
    expected = [[0.5**0.5, 0.0, 0.5**0.5], [3**-0.5] * 3]
    np.testing.assert_allclose(np.linalg.norm(columns, axis=1), expected, rtol=1e-6)


@every_layer
def test_there_must_be_a_cluster(layer_class):
    with pytest.raises(ValueError, match="clusters must be at least 1"):
        layer_class(clusters=0)
