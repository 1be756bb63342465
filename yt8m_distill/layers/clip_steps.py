"""Clips laid out for a recurrence over them, and its states laid out as the clips came."""

from keras import ops


def clip_steps(inputs, num_frames):
    """The first clip and the steps of a recurrence that starts with it, every position of every clip one row.

    Args:
      inputs: (batch, clips, positions, channels).
      num_frames: int (batch,), valid clips of each video.

    Returns:
      first: float32 (batch * positions, channels), clip 0; zero for a video without clips.
      clips: (steps, batch * positions, channels), clips 1, 2, ... of every video. There is at least one step, if only
        of zeros: a loop over no step at all has no result to stack.
      steps: int32 (batch * positions,), how many of the steps are clips of the row's video, -1 for a video without
        clips; the others are padding.
    """
    batch, count, positions, channels = ops.shape(inputs)
    clips = ops.reshape(ops.transpose(inputs, (1, 0, 2, 3)), (count, batch * positions, channels))
    missing = ops.zeros((2, batch * positions, channels), inputs.dtype)[count:]
    clips = ops.concatenate([clips, missing], axis=0)
    steps = ops.repeat(ops.minimum(ops.cast(num_frames, "int32"), count), positions) - 1
    return ops.where(steps[:, None] >= 0, ops.cast(clips[0], "float32"), 0.0), clips[1:], steps


def clip_states(first, after_steps, inputs, dtype):
    """The states after every clip, laid out as the clips.

    Args:
      first: (batch * positions, channels), the state after clip 0.
      after_steps: (steps, batch * positions, channels), those after clips 1, 2, ...
      inputs: (batch, clips, positions, channels), of which `clip_steps` made the steps.
      dtype: of the result.

    Returns:
      (batch, clips, positions, channels): a video's last state again where a clip is padding.
    """
    batch, count, positions, channels = ops.shape(inputs)
    states = ops.concatenate([first[None], after_steps], axis=0)[:count]
    states = ops.reshape(states, (count, batch, positions, channels))
    return ops.cast(ops.transpose(states, (1, 0, 2, 3)), dtype)
