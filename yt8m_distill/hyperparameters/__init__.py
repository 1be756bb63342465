"""Models in numbers. Importing this package registers every variant; it imports the standard library only."""

from yt8m_distill.hyperparameters.dbof import DBoFParams, GatedDBoFParams, SoftDBoFParams
from yt8m_distill.hyperparameters.fast_gru import FastGRUParams
from yt8m_distill.hyperparameters.fisher_vector import FisherVectorParams
from yt8m_distill.hyperparameters.frame_attention import FrameAttentionParams
from yt8m_distill.hyperparameters.frame_level_logistic import FrameLevelLogisticParams
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.hierarchical_rnn import HierarchicalRNNParams
from yt8m_distill.hyperparameters.mix_nextvlad import MixNeXtVLADParams
from yt8m_distill.hyperparameters.netvlad import NetVLADParams
from yt8m_distill.hyperparameters.nextvlad import NeXtVLADParams
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.hyperparameters.rnn import (
    BidirectionalGRUParams,
    BidirectionalLSTMParams,
    DualPathGRUParams,
    GRUParams,
    LSTMParams,
)
from yt8m_distill.hyperparameters.video_level import HiddenLayerParams, VideoMeansParams

__all__ = [
    "BidirectionalGRUParams",
    "BidirectionalLSTMParams",
    "DBoFParams",
    "DualPathGRUParams",
    "FastGRUParams",
    "FisherVectorParams",
    "FrameAttentionParams",
    "FrameLevelLogisticParams",
    "FrontEndParams",
    "GRUParams",
    "GatedDBoFParams",
    "HeadParams",
    "HiddenLayerParams",
    "HierarchicalRNNParams",
    "LSTMParams",
    "MixNeXtVLADParams",
    "ModelConfig",
    "NeXtVLADParams",
    "NetVLADParams",
    "SoftDBoFParams",
    "VideoMeansParams",
]
