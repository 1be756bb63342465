"""Heads, the same for every family, so that a teacher can hand its head to a student."""

from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts


def build_head(params, num_classes):
    """The Keras layer from a representation to float32 class probabilities.

    Args:
      params: `HeadParams`.
      num_classes: number of classes.

    Returns:
      A layer: (batch, d) -> float32 (batch, num_classes). Its L2 penalty stands in its `losses`.
    """
    if params.video_level_classifier_model == "MoE":
        return MixtureOfExperts(
            num_classes, params.moe_num_mixtures, params.l2_penalty, params.initial_probability, name="head"
        )
    return Logistic(num_classes, params.l2_penalty, params.initial_probability, name="head")
