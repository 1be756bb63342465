import numpy as np
import pytest
from keras import ops

from yt8m_distill.distillation.mixture import mixture, soften


def _numpy(values):
    return ops.convert_to_numpy(values)


def _sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z)))


def test_sigmoid_probabilities_are_softened_by_their_logits():
    z = np.array([[-4.0, 0.0, 3.0]])
    np.testing.assert_allclose(_numpy(soften(_sigmoid(z), 2.0)), _sigmoid(z / 2), rtol=1e-5)


def test_softmax_is_over_the_logits_of_all_classes():
    z = np.array([[-4.0, 0.0, 3.0], [1.0, 1.0, 1.0]])
    exponentials = np.exp(z / 3)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_numpy(soften(_sigmoid(z), 3.0, "softmax")), expected, rtol=1e-5)


def test_without_a_temperature_sigmoid_probabilities_stay_as_they_are():
    p = np.array([[0.0, 1e-20, 0.3, 1.0]], "float32")
    assert _numpy(soften(p)).tolist() == p.tolist()


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_certain_teachers_give_finite_targets(output):
    assert np.isfinite(_numpy(soften(np.array([[0.0, 1.0]]), 2.0, output))).all()


def test_several_teachers_give_the_mean_weighted_by_mu():
    one, other = np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])
    np.testing.assert_allclose(_numpy(mixture([one, other], [1, 3])), [[0.5, 0.5]], rtol=1e-6)


def test_probabilities_are_softened_before_they_are_mixed():
    one, other = np.array([[0.01]]), np.array([[0.99]])
    both = mixture([one, other], [3, 1], temperature=4.0)
    expected = (3 * _numpy(soften(one, 4.0)) + _numpy(soften(other, 4.0))) / 4
    np.testing.assert_allclose(_numpy(both), expected, rtol=1e-6)


def test_one_teacher_is_its_own_mixture():
    p = np.array([[0.25, 0.5]], "float32")
    assert _numpy(mixture([p], [0.1])).tolist() == p.tolist()


@pytest.mark.parametrize("weights", [[1], [0, 0], [2, -1]])
def test_weights_without_a_mean_are_named(weights):
    with pytest.raises(ValueError, match=r"weights="):
        mixture([np.ones((1, 2))] * 2, weights)
