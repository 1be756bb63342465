import json
import subprocess
import sys

import pytest

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import NeXtVLADParams, registry


def test_an_override_reaches_the_part_that_has_the_field():
    config = registry.model_config("NeXtVLAD_tiny", groups=2, moe_num_mixtures=5, normalization="none")
    assert (config.aggregator.groups, config.head.moe_num_mixtures, config.front_end.normalization) == (2, 5, "none")
    assert config.aggregator.nextvlad_cluster_size == registry.model_config("NeXtVLAD_tiny").aggregator.clusters(0)


def test_the_published_nextvlad_has_its_published_numbers():
    config = registry.model_config("NeXtVLAD")
    aggregator = config.aggregator
    assert (aggregator.nextvlad_cluster_size, aggregator.nextvlad_hidden_size) == (128, 2048)
    assert (aggregator.groups, aggregator.expansion, aggregator.drop_rate) == (8, 2, 0.5)
    assert (config.head.gating, config.head.gating_reduction) == ("squeeze_excite", 8)
    assert (config.head.video_level_classifier_model, config.head.l2_penalty) == ("Logistic", 1e-5)


def test_features_after_the_first_have_half_and_at_least_one():
    params = NeXtVLADParams(nextvlad_cluster_size=5, groups=1)
    assert [params.clusters(index) for index in (0, 1, 2)] == [5, 2, 2]
    assert [params.stream_groups(index) for index in (0, 1)] == [1, 1]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("FrameLevelLogisticModel", "FrameLevelLogistic"),
        ("MoeModel", "MoE"),
        ("LogisticModel", "Logistic"),
        ("NeXtVLADModel", "NeXtVLAD"),
    ],
)
def test_names_of_the_starter_code_are_aliases(typed, name):
    assert registry.model_config(typed) == registry.model_config(name)


def test_heads_of_the_starter_code_are_aliases():
    assert (
        registry.model_config("Logistic", video_level_classifier_model="MoeModel").head.video_level_classifier_model
        == "MoE"
    )


def test_an_unknown_model_names_the_nearest_and_all_choices():
    with pytest.raises(InputError, match=r"'NextVlad_Tny'.*Did you mean NeXtVLAD_tiny\?.*FrameLevelLogistic"):
        registry.model_config("NextVlad_Tny")


def test_a_field_of_another_model_is_an_error_that_names_the_fields():
    with pytest.raises(InputError, match=r"FrameLevelLogistic has no --groups.*mask_padding"):
        registry.model_config("FrameLevelLogistic", groups=4)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("NeXtVLAD", {"groups": 0}),
        ("NeXtVLAD", {"drop_rate": 1.0}),
        ("HiddenLayer", {"num_hidden_units": -1}),
        ("Logistic", {"video_level_classifier_model": "Moe"}),
        ("Logistic", {"l2_penalty": -1.0}),
        ("Logistic", {"normalization": "l1"}),
    ],
)
def test_a_number_out_of_range_names_its_flag(name, overrides):
    with pytest.raises(InputError, match=f"--{next(iter(overrides))}="):
        registry.model_config(name, **overrides)


def test_a_name_is_registered_once():
    def NeXtVLAD():
        return None

    with pytest.raises(ValueError, match="registered already"):
        registry.register(NeXtVLAD)


@pytest.mark.parametrize("name", registry.names())
def test_a_configuration_survives_json(name):
    config = registry.model_config(name, l2_penalty=3e-7)
    assert registry.from_dict(json.loads(json.dumps(registry.to_dict(config)))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "vlad"}, "no family 'vlad'"),
        ({"aggregator": {"cluster_size": 3}}, "no field cluster_size"),
        ({"head": {"colour": 1}}, "no field colour"),
    ],
)
def test_an_unknown_family_or_field_is_named(change, message):
    values = {**registry.to_dict(registry.model_config("NeXtVLAD")), **change}
    with pytest.raises(InputError, match=message):
        registry.from_dict(values)


def test_a_missing_part_is_named():
    values = registry.to_dict(registry.model_config("NeXtVLAD"))
    del values["head"]
    with pytest.raises(InputError, match="lacks head"):
        registry.from_dict(values)


def test_a_mixture_from_before_collaborative_learning_was_trained_without():
    config = registry.model_config("MixNeXtVLAD")
    assert (config.aggregator.cl_temperature, config.aggregator.cl_lambda) == (3, 9)
    values = registry.to_dict(config)
    for name in ("cl_temperature", "cl_lambda"):
        del values["aggregator"][name]
    assert registry.from_dict(values).aggregator.cl_lambda == 0


@pytest.mark.parametrize(
    ("frames", "chunks"), [(30, 6), (20, 4), (10, 2), (5, 1), (27, 9), (3, 1), (16, 8), (2, 1), (7, 7), (1, 1)]
)
def test_the_chunks_of_a_student_hold_5_or_3_frames_where_they_can(frames, chunks):
    teacher = registry.model_config("HRNN", lstm_cells=8)
    student = registry.for_frames(teacher, frames)
    assert (student.aggregator.max_num_frames, student.aggregator.num_inputs_to_lstm) == (frames, chunks)
    assert (student.name, student.aggregator.lstm_cells, student.head) == ("HRNN", 8, teacher.head)


@pytest.mark.parametrize(("name", "frames"), [("HRNN", 300), ("HRNN_student_30", 30), ("NeXtVLAD", 30), ("LSTM", 1)])
def test_a_student_whose_numbers_do_not_depend_on_its_frames_has_the_teachers(name, frames):
    config = registry.model_config(name)
    assert registry.for_frames(config, frames) == config


@pytest.mark.parametrize("name", ["HRNN", "LSTM"])
def test_a_student_sees_at_least_one_frame(name):
    with pytest.raises(InputError, match="A student of 0 frames: expected"):
        registry.for_frames(registry.model_config(name), 0)


def test_all_fields_knows_every_field_of_every_model():
    fields = registry.all_fields()
    for name in registry.names():
        config = registry.model_config(name)
        for field in config.fields:
            assert config.aggregator.family in fields[field].families
            assert fields[field].help
    assert fields["groups"].families == ("nextvlad", "mix_nextvlad")
    assert (fields["groups"].type, fields["drop_rate"].type, fields["mask_padding"].type) == (int, float, bool)


def test_importing_the_registry_imports_no_keras():
    code = "import sys, yt8m_distill.hyperparameters.registry; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
