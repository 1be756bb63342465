import numpy as np
import pytest
from keras import ops

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.models.classifier import VideoClassifier, build_model
from yt8m_distill.spec import FeatureSpec

SPEC = FeatureSpec(sizes=(16, 8), num_classes=5)
RNG = np.random.default_rng(0)
BATCH = {
    "rgb": RNG.integers(0, 256, (2, 5, 16)).astype("uint8"),
    "audio": RNG.integers(0, 256, (2, 5, 8)).astype("uint8"),
    "num_frames": np.array([5, 2], "int32"),
}


def build(name, spec=SPEC, **overrides):
    return build_model(registry.model_config(name, **overrides), spec, seed=1)


@pytest.mark.parametrize(("name", "level"), [("NeXtVLAD_tiny", "video"), ("Logistic", "frame"), ("MoE", "segment")])
def test_a_model_of_another_level_is_refused(name, level):
    with pytest.raises(InputError, match=f"{name} reads .* the data is {level}-level"):
        build(name, FeatureSpec(sizes=(16, 8), num_classes=5, level=level))


def test_a_frame_level_model_reads_segments():
    assert build("NeXtVLAD_tiny", FeatureSpec(sizes=(16, 8), num_classes=5, level="segment")).built


def test_groups_that_do_not_divide_are_named_with_what_to_do():
    with pytest.raises(InputError, match=r"audio has 8 values.*3 groups \(--groups=7\).*choose"):
        build("NeXtVLAD_tiny", FeatureSpec(sizes=(14, 8), num_classes=5), groups=7)


def test_published_nextvlad_has_its_number_of_weights():
    # 2 streams: expansion, attention, assignment, centres; then hidden, gate and classes. Batch norms: 4 a channel
    # and the number of updates.
    def stream(size, clusters, groups):
        wide, width = 2 * size, 2 * size // groups
        affine = size * wide + wide + wide * groups + groups
        return affine + wide * groups * clusters + width * clusters + 4 * (groups * clusters + width * clusters) + 2

    descriptor = 256 * 128 + 64 * 64
    expected = stream(1024, 128, 8) + stream(128, 64, 4)
    expected += descriptor * 2048 + 4 * 2048 + 1 + 2 * 2048 * 256 + 4 * 256 + 1 + 2048 * 3862 + 3862
    assert build("NeXtVLAD", FeatureSpec()).count_params() == expected


def test_a_teacher_hands_its_head_to_a_student():
    teacher, donor = build("NeXtVLAD_tiny"), build("NeXtVLAD_tiny")
    student = VideoClassifier(donor.front_end, donor.aggregator, teacher.head, SPEC.size_by_name)
    outputs = student(BATCH)
    assert student.head is teacher.head
    expected = teacher.head(outputs["representation"])
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs["predictions"]), ops.convert_to_numpy(expected))


def test_one_feature_of_any_name_will_do():
    model = build("NeXtVLAD_tiny", FeatureSpec(names=("audio_embedding",), sizes=(8,), num_classes=5))
    assert list(model.aggregator.streams) == ["audio_embedding"]
    assert model.aggregator.streams["audio_embedding"].clusters == 16


def test_a_batch_without_num_frames_is_refused():
    with pytest.raises(ValueError, match="lacks num_frames"):
        build("FrameLevelLogistic")({key: BATCH[key] for key in ("rgb", "audio")})
