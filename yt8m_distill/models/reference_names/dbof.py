"""Reference names of the bag of frames over all features side by side (google/youtube-8m)."""

from yt8m_distill.models.reference_names.late_fusion import hidden_variables
from yt8m_distill.models.reference_names.slim import batch_norm


def early_fusion_variables(aggregator):
    """{name: variable} of an `EarlyFusion`."""
    bag = aggregator.bag
    offset = batch_norm("cluster_bn", bag.bn) if bag.batch_norm else {"cluster_biases": bag.bias}
    return {"cluster_weights": bag.kernel, **offset, **hidden_variables(aggregator.hidden)}
