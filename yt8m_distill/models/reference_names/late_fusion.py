"""Reference names of the families with one stream a feature and a hidden layer."""

from yt8m_distill.errors import InputError
from yt8m_distill.layers.fisher_vector import FisherVector
from yt8m_distill.layers.gated_dbof import GatedDBoF
from yt8m_distill.layers.light_vlad import LightVLAD
from yt8m_distill.layers.netvlad import NetVLAD
from yt8m_distill.layers.netvlagd import NetVLAGD
from yt8m_distill.layers.nextvlad import NeXtVLAD
from yt8m_distill.layers.soft_dbof import SoftDBoF
from yt8m_distill.models.reference_names import soft_dbof, vlad
from yt8m_distill.models.reference_names.slim import batch_norm, dense, under

_FEATURES = ("video", "audio")


def nextvlad_variables(stream):
    """{name: variable} of one `NeXtVLAD` layer."""
    return {
        **dense("fully_connected", stream.expand),
        **dense("fully_connected_1", stream.attention),
        "cluster_weights": stream.cluster_weights,
        **batch_norm("cluster_bn", stream.cluster_bn),
        "cluster_weights2": stream.centres,
        **batch_norm("vlad_bn", stream.vlad_bn),
    }


# {layer: (what the reference calls its scope, after video_ or audio_, and its variables)}
_STREAMS = {
    NeXtVLAD: ("VLAD", nextvlad_variables),
    NetVLAD: ("VLAD", vlad.netvlad_variables),
    LightVLAD: ("VLAD", vlad.light_vlad_variables),
    NetVLAGD: ("VLAD", vlad.netvlagd_variables),
    FisherVector: ("FV", vlad.fisher_vector_variables),
    SoftDBoF: ("DBOF", soft_dbof.soft_dbof_variables),
    GatedDBoF: ("DBOF", soft_dbof.gated_dbof_variables),
}


def late_fusion_variables(aggregator):
    """{name: variable} of a `LateFusion`.

    Raises:
      InputError: more features than the reference's two, or a stream without a reference.
    """
    streams = aggregator.streams
    if len(streams) > len(_FEATURES):
        raise InputError(f"The reference has two streams at most: this model has {', '.join(streams)}.")
    variables = {}
    for feature, stream in zip(_FEATURES, streams.values(), strict=False):
        if type(stream) not in _STREAMS:
            raise InputError(f"{type(stream).__name__} has no reference whose weights could be loaded.")
        scope, names = _STREAMS[type(stream)]
        variables |= under(f"{feature}_{scope}", names(stream))
    return {**variables, **(hidden_variables(aggregator.hidden) if aggregator.hidden is not None else {})}


def hidden_variables(hidden):
    """{name: variable} of the `Hidden` layer after the aggregation."""
    offset = batch_norm("hidden1_bn", hidden.bn) if hidden.batch_norm else {"hidden1_biases": hidden.dense.bias}
    return {"hidden1_weights": hidden.dense.kernel, **offset}
