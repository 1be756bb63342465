"""Precision at equal recall rate."""

from yt8m_distill.metrics.video_mean import VideoMean


class PrecisionAtEqualRecallRate(VideoMean):
    """PERR: of a video with n labels, the share of positives among its n highest scores; then the mean over videos.

    Only scores above 0 count. n may exceed the top k: the number is taken from the full predictions. A video without
    labels counts as 0. Among equal scores the lower class stands first.

    Args:
      top_k, name, dtype: see `TopKMetric`; `top_k` changes nothing here.
    """

    field = "perr"

    def __init__(self, top_k=20, name="perr", dtype=None):
        super().__init__(top_k, name, dtype)
