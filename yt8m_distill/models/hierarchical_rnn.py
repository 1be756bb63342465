"""H-RNN, the hierarchical recurrent network of teacher and student."""

from yt8m_distill.layers.hierarchical_lstm import HierarchicalLSTM
from yt8m_distill.models.rnn import RecurrentAggregator


def build_aggregator(params, spec):
    """The aggregator of `HierarchicalRNNParams`; `spec` adds nothing to it."""
    hierarchy = HierarchicalLSTM(
        units=params.lstm_cells,
        depth=params.lstm_layers,
        chunks=params.num_inputs_to_lstm,
        max_frames=params.max_num_frames,
        name="hierarchy",
    )
    return RecurrentAggregator(hierarchy, name="aggregator")
