"""Global average precision, the ranking metric of the YouTube-8M challenges."""

from yt8m_distill.metrics.average_precision import average_precision
from yt8m_distill.metrics.kept_entries import KeptEntries
from yt8m_distill.metrics.top_k_metric import TopKMetric


class GlobalAveragePrecision(TopKMetric):
    """GAP@k: the average precision of one list of the top-k (score, hit) pairs of all videos.

    Every label counts as a positive, also those outside the top k, so the value cannot reach 1 when labels are cut
    off. Equal scores keep their order of arrival (see `KeptEntries`). 0 when there is no label.

    Args:
      top_k, name, dtype: see `TopKMetric`.

    Reference: Abu-El-Haija et al., YouTube-8M, https://arxiv.org/abs/1609.08675; average_precision_calculator.py of
    the starter code.
    """

    def __init__(self, top_k=20, name="gap", dtype=None):
        super().__init__(top_k, name, dtype)

    def _accumulate(self, reduced):
        self._entries.append(reduced)

    def result(self):
        """A float in [0, 1]."""
        hits, _ = self._entries.ranked()
        return average_precision(hits, self._entries.num_positives)

    def reset_state(self):
        self._entries = KeptEntries()
