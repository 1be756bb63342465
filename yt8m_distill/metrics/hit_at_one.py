"""How often the highest score is right."""

from yt8m_distill.metrics.video_mean import VideoMean


class HitAtOne(VideoMean):
    """Hit@1: share of the videos whose highest score (the first, among equal ones) belongs to a label.

    A video without labels counts as a miss.

    Args:
      top_k, name, dtype: see `TopKMetric`; `top_k` changes nothing here.
    """

    field = "hit_at_1"

    def __init__(self, top_k=20, name="hit_at_1", dtype=None):
        super().__init__(top_k, name, dtype)
