"""Mean over the classes of their average precision."""

import numpy as np

from yt8m_distill.metrics.average_precision import average_precision_per_class
from yt8m_distill.metrics.kept_entries import KeptEntries
from yt8m_distill.metrics.top_k_metric import TopKMetric


class MeanAveragePrecision(TopKMetric):
    """mAP: each class ranks the videos in whose top k it stands; the mean is over classes with at least one positive.

    All positives of a class count, also those outside the top k of their video. Equal scores keep their order of
    arrival (see `KeptEntries`). NaN when no class has a positive.

    Args:
      top_k: see `TopKMetric`. With top_k = number of classes nothing is cut off.
      top_n: if given, each class's list is cut to its first `top_n` entries and its positives to at most `top_n`.
      name, dtype: see `TopKMetric`.

    Reference: mean_average_precision_calculator.py of the YouTube-8M starter code.
    """

    def __init__(self, top_k=20, top_n=None, name="map", dtype=None):
        super().__init__(top_k, name, dtype)
        self.top_n = top_n

    def _accumulate(self, reduced):
        self._entries.append(reduced)

    def result(self):
        """A float in [0, 1], or NaN."""
        return mean_over_classes(self.per_class())

    def per_class(self):
        """float64 (classes,) average precision of each class, NaN for classes without a positive."""
        return average_precision_per_class(*self._entries.ranked(), self._entries.positives, self.top_n)

    def reset_state(self):
        self._entries = KeptEntries()

    def get_config(self):
        return {**super().get_config(), "top_n": self.top_n}


def mean_over_classes(per_class):
    """Mean of the entries (classes,) that are not NaN; NaN when none is."""
    present = per_class[~np.isnan(per_class)]
    return float(present.mean()) if len(present) else float("nan")
