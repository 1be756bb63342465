"""The frames that a FeatureSpec reads of each video of a batch, in a TensorFlow graph."""

import tensorflow as tf

from yt8m_distill.data.sampling import fixed_positions, random_positions, video_keys


def sampled_positions(num_frames, spec, ids=None, seed=None, epoch=0):
    """Positions of the sampled frames.

    Args:
      num_frames: int32 (batch,), frames of each video; those past `spec.max_frames` do not count.
      spec: FeatureSpec that samples frames.
      ids: string (batch,), on the CPU; needed where `spec.frame_sampler` is "random".
      seed, epoch: of the random draw, see `sampling.video_keys`.

    Returns:
      int32 (batch, spec.frame_limit), ascending, -1 behind the last one.
    """
    length = tf.minimum(num_frames, spec.max_frames)
    if spec.frame_sampler != "random":
        return tf.gather(fixed_positions(spec.frame_sampler, spec.max_frames, spec.frame_limit), length)

    def draw(ids, length):
        return random_positions(video_keys(ids, seed, epoch), length, spec.max_frames, spec.frame_limit)

    positions = tf.numpy_function(draw, [ids, length], tf.int32)
    return tf.ensure_shape(positions, [num_frames.shape[0], spec.frame_limit])
