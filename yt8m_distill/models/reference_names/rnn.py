"""Reference names of the recurrent families (google/youtube-8m, WILLOW, skalic, H-RNN).

TensorFlow 1 stores a cell's kernel as one array for `[x, h]`: ours are its two parts.
"""

from yt8m_distill.errors import InputError
from yt8m_distill.layers.bidirectional_stack import BidirectionalStack
from yt8m_distill.layers.gru import GRU
from yt8m_distill.layers.hierarchical_lstm import HierarchicalLSTM
from yt8m_distill.layers.recurrent_stack import RecurrentStack
from yt8m_distill.models.reference_names.slim import under


def recurrent_variables(aggregator):
    """{name: variables} of a `RecurrentAggregator`.

    google's stack hands its top layer's h on, WILLOW's, in a scope of its own, a state of every layer.

    Raises:
      InputError: the recurrent layer has no reference.
    """
    recurrence = aggregator.recurrence
    if isinstance(recurrence, RecurrentStack):
        scope = "RNN/rnn" if recurrence.state_output.startswith("every") else "rnn"
        return stack_variables(scope, recurrence.recurrent_layers)
    if isinstance(recurrence, BidirectionalStack):
        return bidirectional_variables(recurrence)
    if isinstance(recurrence, HierarchicalLSTM):
        return {
            **stack_variables("RNN_L1/rnn", recurrence.lower.recurrent_layers),
            **stack_variables("RNN_L2/rnn", recurrence.upper.recurrent_layers),
        }
    raise InputError(f"{type(recurrence).__name__} has no reference whose weights could be loaded.")


def bidirectional_variables(stack):
    """{name: variables} of a `BidirectionalStack`."""
    return {
        **stack_variables("bidirectional_rnn/fw", [stack.forward_layer]),
        **stack_variables("bidirectional_rnn/bw", [stack.backward_layer]),
        **stack_variables("rnn", stack.top.recurrent_layers),
    }


def stack_variables(scope, layers):
    """{name: variables} of `LSTM` or `GRU` layers on top of each other."""
    cells = {}
    for index, layer in enumerate(layers):
        names = _gru_names(layer) if isinstance(layer, GRU) else _lstm_names(layer)
        cells |= under(f"{scope}/multi_rnn_cell/cell_{index}", names)
    return cells


def _lstm_names(layer):
    return {
        "basic_lstm_cell/kernel": (layer.kernel, layer.recurrent_kernel),
        "basic_lstm_cell/bias": layer.bias,
    }


def _gru_names(layer):
    return {
        "gru_cell/gates/kernel": (layer.gates_kernel, layer.gates_recurrent_kernel),
        "gru_cell/gates/bias": layer.gates_bias,
        "gru_cell/candidate/kernel": (layer.candidate_kernel, layer.candidate_recurrent_kernel),
        "gru_cell/candidate/bias": layer.candidate_bias,
    }
