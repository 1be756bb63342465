"""Metrics that are a mean over videos of a number each video has."""

import numpy as np

from yt8m_distill.metrics.top_k_metric import TopKMetric


class RunningMean:
    """Mean of all values added so far, in float64; NaN before the first."""

    def __init__(self):
        self._sum, self._count = 0.0, 0

    def add(self, values):
        """Adds an array of values."""
        self._sum += float(values.sum(dtype=np.float64))
        self._count += values.size

    def value(self):
        """A float."""
        return self._sum / self._count if self._count else float("nan")


class VideoMean(TopKMetric):
    """Mean over all videos of one (batch,) field of `TopK`; NaN before the first video."""

    field = None

    def _accumulate(self, reduced):
        self._mean.add(getattr(reduced, self.field))

    def result(self):
        """A float in [0, 1], or NaN."""
        return self._mean.value()

    def reset_state(self):
        self._mean = RunningMean()
