"""GAP, mAP, Hit@1 and PERR from one pass and one ranking."""

from yt8m_distill.metrics.average_precision import average_precision, average_precision_per_class
from yt8m_distill.metrics.kept_entries import KeptEntries
from yt8m_distill.metrics.mean_average_precision import mean_over_classes
from yt8m_distill.metrics.top_k_metric import TopKMetric
from yt8m_distill.metrics.video_mean import RunningMean


class EvaluationMetrics(TopKMetric):
    """What an evaluation reports: a dict with `gap`, `map`, `hit_at_1` and `perr`.

    Args:
      top_k, name, dtype: see `TopKMetric`.
      top_n: see `MeanAveragePrecision`; GAP has no such cut.
    """

    def __init__(self, top_k=20, top_n=None, name="evaluation", dtype=None):
        super().__init__(top_k, name, dtype)
        self.top_n = top_n

    def _accumulate(self, reduced):
        self._entries.append(reduced)
        self._hit_at_1.add(reduced.hit_at_1)
        self._perr.add(reduced.perr)

    def result(self):
        """{"gap", "map", "hit_at_1", "perr"}: floats, as the four metrics alone would return them."""
        return self.report()[0]

    def report(self):
        """What `result` returns, and behind it, per class.

        Returns:
          The dict of `result`; float64 (classes,) average precision, NaN for classes without a positive;
          int64 (classes,) positives.
        """
        hits, classes = self._entries.ranked()
        positives = self._entries.positives
        per_class = average_precision_per_class(hits, classes, positives, self.top_n)
        results = {
            "gap": average_precision(hits, self._entries.num_positives),
            "map": mean_over_classes(per_class),
            "hit_at_1": self._hit_at_1.value(),
            "perr": self._perr.value(),
        }
        return results, per_class, positives

    def reset_state(self):
        self._entries, self._hit_at_1, self._perr = KeptEntries(), RunningMean(), RunningMean()

    def get_config(self):
        return {**super().get_config(), "top_n": self.top_n}
