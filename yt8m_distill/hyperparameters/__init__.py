"""Models in numbers. Importing this package registers every variant; it imports the standard library only."""

from yt8m_distill.hyperparameters.fisher_vector import FisherVectorParams
from yt8m_distill.hyperparameters.frame_level_logistic import FrameLevelLogisticParams
from yt8m_distill.hyperparameters.front_end import FrontEndParams
from yt8m_distill.hyperparameters.head import HeadParams
from yt8m_distill.hyperparameters.mix_nextvlad import MixNeXtVLADParams
from yt8m_distill.hyperparameters.netvlad import NetVLADParams
from yt8m_distill.hyperparameters.nextvlad import NeXtVLADParams
from yt8m_distill.hyperparameters.registry import ModelConfig
from yt8m_distill.hyperparameters.video_level import HiddenLayerParams, VideoMeansParams

__all__ = [
    "FisherVectorParams",
    "FrameLevelLogisticParams",
    "FrontEndParams",
    "HeadParams",
    "HiddenLayerParams",
    "MixNeXtVLADParams",
    "ModelConfig",
    "NetVLADParams",
    "NeXtVLADParams",
    "VideoMeansParams",
]
