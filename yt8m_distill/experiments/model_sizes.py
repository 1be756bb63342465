"""Sizes of the models of the experiments, for two cores: {name: (registered model, its numbers)}."""

_LOGISTIC = {"video_level_classifier_model": "Logistic"}
_RECURRENT = _LOGISTIC | {"normalization": "joint_rms"}
_MEANS = {"normalization": "modality_rms", "l2_penalty": 0.0}


def _recurrent(name, **numbers):
    return name, _RECURRENT | numbers


def _netvlad(clusters, hidden):
    numbers = {"netvlad_cluster_size": clusters, "netvlad_hidden_size": hidden, "drop_rate": 0.5}
    return "NetVLAD_tiny", _LOGISTIC | numbers


def _nextvlad(clusters, hidden):
    return "NeXtVLAD_tiny", _LOGISTIC | {"nextvlad_cluster_size": clusters, "nextvlad_hidden_size": hidden}


def _fvnet(clusters, hidden):
    return "NetFV_tiny", _LOGISTIC | {"fv_cluster_size": clusters, "fv_hidden_size": hidden, "drop_rate": 0.5}


def _dbof(name, clusters, hidden):
    return name, _LOGISTIC | {"dbof_cluster_size": clusters, "dbof_hidden_size": hidden}


def _hidden(units, batch_norm=False):
    return "HiddenLayer", _MEANS | {"num_hidden_units": units, "hidden_batch_norm": batch_norm}


FRAME_MODELS = {
    # "Fewer frames": one size of each.
    "HRNN": _recurrent("HRNN_tiny", lstm_cells=128),
    "NetVLAD": _netvlad(32, 256),
    "NeXtVLAD": _nextvlad(32, 256),
    # "Size constrained": four sizes, or kinds, of each family, of which three are picked.
    "RNN1": _recurrent("BidirectionalLSTM_tiny", lstm_cells=192),
    "RNN2": _recurrent("BidirectionalGRU_tiny", gru_cells=192),
    "RNN3": _recurrent("BidirectionalGRU_tiny", gru_cells=128),
    "RNN4": _recurrent("BidirectionalLSTM_tiny", lstm_cells=128),
    "FVNet1": _fvnet(16, 256),
    "FVNet2": _fvnet(12, 384),
    "FVNet3": _fvnet(8, 256),
    "FVNet4": _fvnet(16, 128),
    "DBoF1": _dbof("DBoF_tiny", 1024, 384),
    "DBoF2": _dbof("GatedDBoF_tiny", 512, 256),
    "DBoF3": _dbof("GatedDBoF_tiny", 256, 128),
    "DBoF4": _dbof("DBoF_tiny", 512, 256),
    "NetVLAD1": _netvlad(32, 384),
    "NetVLAD2": _netvlad(24, 256),
    "NetVLAD3": _netvlad(16, 256),
    "NetVLAD4": _netvlad(32, 128),
}

VIDEO_MODELS = {
    # "Size constrained", where there are no frames.
    "Logistic": ("Logistic", _MEANS),
    "MoE": ("MoE", _MEANS),
    "Hidden1": _hidden(768),
    "Hidden2": _hidden(512),
    "Hidden3": _hidden(384),
    "Hidden4": _hidden(256),
    "HiddenBN1": _hidden(768, batch_norm=True),
    "HiddenBN2": _hidden(512, batch_norm=True),
    "HiddenBN3": _hidden(384, batch_norm=True),
    "HiddenBN4": _hidden(256, batch_norm=True),
    # "Multi-teacher": large teachers, small students.
    "Teacher": _hidden(1024),
    "Student": _hidden(256),
}
