"""Reference names of VLAD and Fisher-vector layers (WILLOW, skalic)."""

from yt8m_distill.models.reference_names.slim import batch_norm


def light_vlad_variables(stream):
    """{name: variable} of one `LightVLAD` layer."""
    return assignment_variables(stream.assignment)


def netvlad_variables(stream):
    """{name: variable} of one `NetVLAD` layer."""
    return {**assignment_variables(stream.assignment), "cluster_weights2": stream.centres}


def netvlagd_variables(stream):
    """{name: variable} of one `NetVLAGD` layer; the reference creates `cluster_biases` and never adds them."""
    return {**assignment_variables(stream.assignment), "gate_weights": stream.gates}


def fisher_vector_variables(stream):
    """{name: variable} of one `FisherVector` layer."""
    centres = {} if stream.couple_weights else {"cluster_weights2": stream.centres}
    return {**assignment_variables(stream.assignment), **centres, "covar_weights": stream.covariance}


def assignment_variables(assignment):
    offset = batch_norm("cluster_bn", assignment.bn) if assignment.batch_norm else {"cluster_biases": assignment.bias}
    return {"cluster_weights": assignment.kernel, **offset}
