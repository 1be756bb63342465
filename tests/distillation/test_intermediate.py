import keras
import numpy as np
import pytest
from keras import ops

from yt8m_distill.distillation.intermediate import intermediate_loss

RNG = np.random.default_rng(0)


def loss(*arguments):
    return ops.convert_to_numpy(intermediate_loss(*arguments))


def squared(teacher, student):
    return float(((teacher.astype("float64") - student) ** 2).sum())


def test_a_student_of_two_frames_by_hand():
    teacher, student = np.array([[[1.0], [2.0], [4.0], [8.0]]]), np.array([[[0.5], [1.0]]])
    # The student has seen frames 0 and 3: (1 - 0.5)^2 + (8 - 1)^2.
    assert loss(teacher, [1, 2, 3, 4], student, [1, 2], [[0, 3]], [2]) == pytest.approx([49.25])


def test_states_of_every_frame_meet_at_the_same_frame():
    teacher, student = RNG.normal(size=(2, 6, 3)), RNG.normal(size=(2, 3, 3))
    positions = np.array([[0, 2, 5], [1, 3, -1]])
    actual = loss(teacher, np.arange(1, 7), student, np.arange(1, 4), positions, np.array([3, 2]))
    expected = [squared(teacher[0, [0, 2, 5]], student[0]), squared(teacher[1, [1, 3]], student[1, :2])]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_a_block_of_the_student_meets_the_teachers_block_that_holds_its_last_frame():
    teacher, student = RNG.normal(size=(3, 4, 3)), RNG.normal(size=(3, 2, 3))
    positions = np.array([[0, 5, 10, 15, 19, -1], [2, 7, -1, -1, -1, -1], [0, 4, 9, 14, -1, -1]])
    # The teacher's blocks end at frames 5, 10, 15 and 20, the student's after 3 and 6 of its frames.
    actual = loss(teacher, [5, 10, 15, 20], student, [3, 6], positions, [5, 2, 4])
    expected = [
        squared(teacher[0, [2, 3]], student[0]),
        squared(teacher[1, [1]], student[1, :1]),
        squared(teacher[2, [1, 2]], student[2]),
    ]
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_a_teacher_that_has_not_read_that_far_answers_with_its_last_state():
    teacher, student = RNG.normal(size=(1, 2, 3)), RNG.normal(size=(1, 2, 3))
    actual = loss(teacher, [5, 10], student, [1, 2], [[3, 40]], [2])
    np.testing.assert_allclose(actual, [squared(teacher[0], student[0])], rtol=1e-5)


def test_a_student_that_sees_all_and_has_the_teachers_states_loses_nothing():
    states = RNG.normal(size=(2, 5, 3))
    read, positions = np.arange(1, 6), np.tile(np.arange(5), (2, 1))
    np.testing.assert_array_equal(loss(states, read, states, read, positions, [5, 3]), [0, 0])


def test_padding_changes_nothing():
    teacher, student = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 2, 3))
    positions = np.array([[0, 3], [1, -1]])
    expected = loss(teacher, [1, 2, 3, 4], student, [1, 2], positions, [2, 1])
    teacher = np.concatenate([teacher, np.full((2, 2, 3), 77.0)], axis=1)
    student = np.concatenate([student, np.full((2, 3, 3), -77.0)], axis=1)
    student[1, 1] = 99
    positions = np.concatenate([positions, np.full((2, 3), -1)], axis=1)
    actual = loss(teacher, np.arange(1, 7), student, np.arange(1, 6), positions, [2, 1])
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(("rows", "given"), [(4, 2), (4, 0), (0, 0)])
def test_videos_without_frames_give_zero(rows, given):
    teacher, student = RNG.normal(size=(2, rows, 3)), RNG.normal(size=(2, given, 3))
    positions = np.full((2, given), -1)
    actual = loss(teacher, np.arange(1, rows + 1), student, np.arange(1, given + 1), positions, [0, 0])
    np.testing.assert_array_equal(actual, [0, 0])


def test_a_batch_without_videos_gives_no_number():
    actual = loss(np.zeros((0, 4, 3)), [1, 2, 3, 4], np.zeros((0, 2, 3)), [1, 2], np.zeros((0, 2)), np.zeros(0))
    assert actual.shape == (0,)


def test_half_precision_is_summed_in_float32():
    teacher = np.full((1, 4, 2000), 10, "float16")
    actual = loss(teacher, [1, 2, 3, 4], np.zeros_like(teacher), [1, 2, 3, 4], [[0, 1, 2, 3]], [4])
    assert actual.dtype == "float32"
    np.testing.assert_array_equal(actual, [800_000])


def test_widths_that_differ_are_named():
    with pytest.raises(ValueError, match="teacher's states have 3 values and the student's 2"):
        loss(np.zeros((1, 1, 3)), [1], np.zeros((1, 1, 2)), [1], [[0]], [1])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traces with TensorFlow")
def test_shapes_may_be_unknown():
    import tensorflow as tf

    def spec(*shape, dtype="float32"):
        return tf.TensorSpec(shape, dtype)

    counts = spec(None, dtype="int32")
    states, positions = spec(None, None, 3), spec(None, None, dtype="int32")
    traced = tf.function(intermediate_loss, input_signature=[states, counts, states, counts, positions, counts])
    teacher, student = (RNG.normal(size=(2, rows, 3)).astype("float32") for rows in (4, 2))
    read, given = np.arange(1, 5, dtype="int32"), np.array([[0, 3], [1, -1]], "int32")
    arguments = (teacher, read, student, read[:2], given, np.array([2, 1], "int32"))
    np.testing.assert_allclose(traced(*arguments), loss(*arguments), rtol=1e-6)
    assert traced(teacher[:, :0], read[:0], student[:, :0], read[:0], given[:, :0], np.zeros(2, "int32")).shape == (2,)
