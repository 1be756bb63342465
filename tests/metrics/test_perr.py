import numpy as np
import plain
import pytest

from yt8m_distill.metrics.perr import PrecisionAtEqualRecallRate


def perr(labels, predictions, top_k=20, batches=1):
    metric = PrecisionAtEqualRecallRate(top_k)
    for part in zip(np.array_split(labels, batches), np.array_split(predictions, batches), strict=True):
        metric.update_state(*part)
    return metric.result()


@pytest.mark.parametrize("density", [0.02, 0.2, 0.9])
def test_perr_equals_the_plain_definition_however_it_is_batched(random_case, density):
    labels, predictions = random_case(0, classes=80, density=density)
    assert perr(labels, predictions) == pytest.approx(plain.perr(labels, predictions), abs=1e-6)
    assert perr(labels, predictions, batches=7) == perr(labels, predictions)


def test_perr_does_not_depend_on_top_k(random_case):
    labels, predictions = random_case(1, density=0.4)
    assert perr(labels, predictions, top_k=1) == perr(labels, predictions, top_k=20)


def test_a_video_without_labels_counts_as_zero():
    assert perr(np.array([[0, 0], [0, 1]]), np.array([[0.4, 0.6], [0.4, 0.6]])) == 0.5
