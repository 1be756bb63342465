"""Who teaches a student, in words."""

import dataclasses

from tqdm import tqdm

from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.errors import InputError


def teacher_lines(config, shards, store=None):
    """Lines that name the teachers of a student.

    Args:
      config: its RunConfig.
      shards: its training files; of soft labels it is said how many of their videos they do not hold.
      store: the SoftLabels that it learns from, if any.

    Raises:
      InputError: the soft labels hold none of the videos.
    """
    distillation = config.distillation
    if distillation.joint_teacher:
        return [f"the teacher, {distillation.joint_teacher.model.name} on all frames, is trained along"]
    if distillation.soft_labels is None:
        return [f"teacher {t.path}, weight {t.weight:g}, SHA-256 {t.checksum[:16]}..." for t in distillation.teachers]
    lines = [f"classifier of {t.path}, SHA-256 {t.checksum[:16]}..." for t in distillation.teachers]
    path = distillation.soft_labels.path
    unknown, videos = _count_unknown(store, shards, config)
    if unknown == videos:
        raise InputError(
            f"{path} holds none of the {videos:,} videos of {shards[0]}, ...: was it made of other records?"
        )
    return [*lines, f"soft labels {path}: {unknown:,} of {videos:,} videos are not in it and learn from labels alone"]


def _count_unknown(store, shards, config):
    """(videos that the store does not hold, videos)."""
    unknown, videos, spec = 0, 0, config.features
    if spec.level == "frame":  # of mapped records little more than the ids is then read
        spec = dataclasses.replace(spec, sampled_frames=1, frame_sampler="first")
    options = ReadOptions(record_index=config.training.record_index)
    batches = checked(read_batches(shards, spec, options, labelled=False), shards, spec, labelled=False)
    with tqdm(desc="looks for the videos in the soft labels", unit="video", disable=None, delay=2) as bar:
        for batch in batches:
            ids = batch["id"].numpy()
            unknown, videos = unknown + store.count_unmatched(ids), videos + len(ids)
            bar.update(len(ids))
    return unknown, videos
