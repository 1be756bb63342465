"""Reference names of soft and gated bags of frames (WILLOW, skalic)."""

from yt8m_distill.models.reference_names.slim import batch_norm
from yt8m_distill.models.reference_names.vlad import assignment_variables


def soft_dbof_variables(stream):
    """{name: variable} of one `SoftDBoF` layer."""
    return assignment_variables(stream.assignment)


def gated_dbof_variables(stream):
    """{name: variable} of one `GatedDBoF` layer."""
    gate = stream.gate
    offset = batch_norm("cluster_bn_2", stream.gate_bn) if stream.batch_norm else {"cluster_biases_2": gate.bias}
    return {
        **assignment_variables(stream.assignment),
        "dim_red": stream.reduce.kernel,
        "cluster_weights_2": gate.kernel,
        **offset,
    }
