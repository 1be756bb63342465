import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import build_model
from yt8m_distill.spec import FeatureSpec


def test_features_after_the_first_have_an_eighth_of_the_units():
    config = registry.model_config("FrameAttention", attention_units=32, attention_heads=2)
    aggregator = build_model(config, FeatureSpec(sizes=(8, 4), num_classes=5)).aggregator
    assert [(stream.units, stream.heads) for stream in aggregator.streams.values()] == [(32, 2), (4, 2)]


def test_heads_that_do_not_divide_the_units_are_named():
    with pytest.raises(InputError, match="--attention_heads=3 must divide --attention_units=2048"):
        registry.model_config("FrameAttention", attention_heads=3)
