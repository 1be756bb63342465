"""The base of the streaming metrics: full predictions or already reduced ones, accumulated on the host."""

import keras
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.metrics.top_k import TopK, reduce_top_k


class TopKMetric(keras.metrics.Metric):
    """A metric over the top-k scores of each video. Exact, so it accumulates outside of the graph.

    Call `update_state` eagerly with full predictions (`compile(metrics=[...], run_eagerly=True)` does). Inside a
    compiled step call `reduce_top_k` instead, return its `TopK` from the step, and hand it to `update_top_k`: only
    (batch, k) arrays travel.

    Args:
      top_k: scores kept of each video; k = min(top_k, classes). Must equal the `top_k` given to `reduce_top_k`.
      name, dtype: as in `keras.metrics.Metric`. Sums and results are float64 whatever the dtype.

    Raises:
      InputError: `top_k` is below 1, labels and predictions differ in shape, or a prediction is NaN.
    """

    def __init__(self, top_k=20, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if top_k < 1:
            raise InputError(f"top_k is {top_k}: expected at least 1.")
        self.top_k = top_k
        self.reset_state()

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch of full predictions.

        Args:
          y_true: (batch, classes), above 0 where the class is a label.
          y_pred: (batch, classes) scores.
          sample_weight: optional (batch, classes), 0 where the class was not rated: such entries leave the ranking
            before its top k is taken (`rated` of `reduce_top_k`). Other weights all count alike.
        """
        shapes = [tuple(given.shape) for given in (y_true, y_pred, sample_weight) if given is not None]
        if len(set(shapes)) > 1 or len(shapes[0]) != 2:
            raise InputError(f"labels, predictions (and weights) have the shapes {shapes}: expected (batch, classes).")
        self.update_top_k(reduce_top_k(y_true, y_pred, self.top_k, sample_weight))

    def update_top_k(self, reduced):
        """Adds a batch that `reduce_top_k` has reduced (a `TopK` of tensors or arrays)."""
        reduced = TopK(*(ops.convert_to_numpy(field) for field in reduced))
        bad = reduced.scores != reduced.scores
        if bad.any():
            raise InputError(
                f"the predictions of {bad.any(axis=-1).sum()} of {len(bad)} videos in a batch hold NaN: the model "
                "has diverged or its input holds NaN. Lower the learning rate or check the records."
            )
        self._accumulate(reduced)

    def _accumulate(self, reduced):
        """Adds a checked `TopK` of NumPy arrays."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), "top_k": self.top_k}
