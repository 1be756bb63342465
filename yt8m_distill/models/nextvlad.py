"""NeXtVLAD: one stream a feature and a hidden layer; its gate is part of the head."""

from yt8m_distill.errors import InputError
from yt8m_distill.layers.hidden import Hidden
from yt8m_distill.layers.nextvlad import NeXtVLAD
from yt8m_distill.models.late_fusion import LateFusion


def build_aggregator(params, spec, name="aggregator"):
    """The aggregator of `NeXtVLADParams` for the features of `spec`: `batch_norm(dropout(descriptors) H)`.

    Padded frames and the order of the frames change nothing.

    Reference:
      Lin et al., "NeXtVLAD", ECCV-W 2018, figure 4; linrongc/youtube-8m, nextvlad.NeXtVLADModel. Unlike the reference
      the batch norm over frames leaves padding out, and the mask knows any number of frames.

    Raises:
      InputError: the groups do not divide a widened feature.
    """
    momentum = params.batch_norm_momentum
    streams = {}
    for index, (feature, size) in enumerate(spec.size_by_name.items()):
        groups = params.stream_groups(index)
        if params.expansion * size % groups:
            raise InputError(
                f"{feature} has {size} values, times --expansion={params.expansion} = {params.expansion * size}, which "
                f"its {groups} groups (--groups={params.groups}) do not divide: choose --groups that divides it."
            )
        streams[feature] = NeXtVLAD(params.clusters(index), groups, params.expansion, momentum, name=f"{feature}_vlad")
    hidden = Hidden(params.nextvlad_hidden_size, momentum=momentum, name="hidden")
    return LateFusion(streams, hidden, params.drop_rate, name=name)
