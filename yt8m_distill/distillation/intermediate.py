"""Distance between the states of a teacher and a student on their way through a video. keras.ops only."""

from keras import ops

from yt8m_distill.layers.frame_sampling import gather_frames


def intermediate_loss(
    teacher_states, teacher_frames_read, student_states, student_frames_read, positions, student_num_frames
):
    """Intermediate L_rep (equation 3): squared distances between states that have read up to the same frame, summed.

    State s of the student has last read the frame p of the video; its counterpart is the teacher's first state that has
    read frame p (of H-RNN, that after the chunk with p), and the teacher's last one where none has. A state counts if
    it has read a frame of the video that the state before it has not: padding adds nothing, nor do videos without
    frames. Gradients reach both; stopping the teacher's is the caller's.

    Args:
      teacher_states: (batch, S, d), from a pass over all frames.
      teacher_frames_read: int (S,), how many frames each state has read, ascending.
      student_states: (batch, s, d), from a pass over some frames.
      student_frames_read: int (s,), how many of these frames each state has read, ascending.
      positions: int (batch, k), the place in the video of each frame that the student was given, ascending, -1 behind
        them. `[0, 1, ..., k - 1]` for a student that sees all.
      student_num_frames: int (batch,), how many frames it was given.

    Returns:
      float32 (batch,).

    Raises:
      ValueError: states of different widths.

    Reference:
      Bhardwaj et al., "Efficient Video Classification Using Fewer Frames", CVPR 2019.
    """
    widths = teacher_states.shape[-1], student_states.shape[-1]
    if widths[0] != widths[1]:
        raise ValueError(
            f"The teacher's states have {widths[0]} values and the student's {widths[1]}: take models whose states "
            "agree, or project the student's."
        )
    positions = ops.cast(positions, "int32")
    num_frames = ops.minimum(ops.cast(student_num_frames, "int32"), ops.shape(positions)[1])
    read = ops.cast(student_frames_read, "int32")
    last_given = ops.maximum(ops.minimum(read[None], num_frames[:, None]) - 1, 0)
    last_read = gather_frames(positions[:, :, None], last_given)[:, :, 0]
    counterparts = gather_frames(teacher_states, _first_that_read(last_read, teacher_frames_read))
    difference = ops.cast(counterparts, "float32") - ops.cast(student_states, "float32")
    distances = ops.sum(ops.square(difference), axis=-1)
    read_before = ops.concatenate([ops.zeros((1,), "int32"), read], axis=0)[:-1]
    return ops.sum(ops.where(read_before[None] < num_frames[:, None], distances, 0.0), axis=-1)


def _first_that_read(frame, frames_read):
    """int32 (batch, s): index of the first state that has read each `frame` (batch, s), at most the last state's."""
    frames_read = ops.cast(frames_read, "int32")
    too_early = ops.cast(frames_read[None, None] <= frame[:, :, None], "int32")
    last = ops.maximum(ops.shape(frames_read)[0] - 1, 0)
    return ops.minimum(ops.sum(too_early, axis=-1), last)
