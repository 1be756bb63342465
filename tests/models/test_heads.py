from yt8m_distill.hyperparameters import HeadParams
from yt8m_distill.layers.logistic import Logistic
from yt8m_distill.layers.mixture_of_experts import MixtureOfExperts
from yt8m_distill.models.heads import build_head


def test_the_head_has_the_numbers_of_its_parameters():
    head = build_head(HeadParams("MoE", moe_num_mixtures=3, l2_penalty=0.5), num_classes=7)
    assert isinstance(head.classifier, MixtureOfExperts)
    assert (head.classifier.num_classes, head.classifier.num_mixtures, head.classifier.l2_penalty) == (7, 3, 0.5)
    head = build_head(HeadParams("LogisticModel", l2_penalty=0.25), num_classes=4)
    assert isinstance(head.classifier, Logistic)
    assert (head.classifier.num_classes, head.classifier.l2_penalty) == (4, 0.25)
