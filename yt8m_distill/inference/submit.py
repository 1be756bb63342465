"""Records to a Kaggle submission."""

import numpy as np
from tqdm import tqdm

from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.data.shards import count_records
from yt8m_distill.errors import InputError
from yt8m_distill.inference.kaggle_csv import check_top_k, write_submission
from yt8m_distill.inference.predict import make_predict_top_k
from yt8m_distill.inference.segments import SegmentSubmission
from yt8m_distill.inference.served_model import require_all_frames
from yt8m_distill.spec import SEGMENT_SIZE
from yt8m_distill.written_aside import require_writable


def write_video_submission(model, spec, shards, path, *, top_k=20, progress=True, **reading):
    """Writes `VideoId,LabelConfidencePairs`, one line a video.

    The lines stand as the records are read: from up to `num_readers` shards in turn, the same in every run. `reading`
    are fields of `ReadOptions`.

    Returns:
      The number of videos.

    Raises:
      InputError: a record cannot be read, the file cannot be written, top_k exceeds the classes, a score is NaN.
    """
    check_top_k(top_k, spec.num_classes)
    predict = make_predict_top_k(model, spec, top_k)

    def scored():
        for batch in _batches(shards, spec, ReadOptions(**reading), progress):
            yield batch["id"].numpy(), *_ranked(predict, batch)

    return write_submission(path, scored())


def write_segment_submission(
    model,
    spec,
    shards,
    path,
    whitelist,
    *,
    top_k=None,
    max_per_class=100_000,
    progress=True,
    **reading,
):
    """Writes `Class,Segments`: for each class of the whitelist its best 5-second segments.

    Videos are cut into segments at 0, 5, 10, ... seconds; the last one may be shorter.

    Args:
      top_k: classes kept of each segment before they compete; all when None, as many as the starter code's --top_k.
      **reading: fields of `ReadOptions`; so many segments go through the model together as videos are read.

    Returns:
      The number of videos.

    Raises:
      InputError: as `write_video_submission`, a whitelisted class that the model does not have, or a model that
        samples frames.
    """
    require_all_frames(model, spec)
    require_writable(path)
    submission = SegmentSubmission(whitelist, max_per_class)
    top_k = spec.num_classes if top_k is None else top_k
    check_top_k(top_k, spec.num_classes)
    predict = make_predict_top_k(model, spec, top_k, submission.class_mask(spec.num_classes))
    videos = 0
    options = ReadOptions(**reading)
    for batch in _batches(shards, spec, options, progress):
        segments = cut_into_segments({key: value.numpy() for key, value in batch.items()}, spec)
        for first in range(0, len(segments["id"]), options.batch_size):
            part = {key: value[first : first + options.batch_size] for key, value in segments.items()}
            submission.add(part["id"], *_ranked(predict, part))
        videos += len(batch["id"])
    submission.write(path)
    return videos


def cut_into_segments(batch, spec):
    """A batch of whole videos as a batch of segments.

    Args:
      batch: NumPy arrays by the batch contract.
      spec: FeatureSpec.

    Returns:
      {name: uint8 (S, 5, size)}, `num_frames` int32 (S,) from 1 to 5, `id` (S,) `video:start`; video by video.
    """
    videos, frames = batch[spec.names[0]].shape[:2]
    starts = np.arange(0, frames, SEGMENT_SIZE)
    left = batch["num_frames"][:, None] - starts
    real = left > 0
    cut = {"num_frames": np.minimum(left, SEGMENT_SIZE)[real].astype(np.int32)}
    for name, size in spec.size_by_name.items():
        padded = np.zeros((videos, len(starts) * SEGMENT_SIZE, size), np.uint8)
        padded[:, :frames] = batch[name]
        cut[name] = padded.reshape(videos, len(starts), SEGMENT_SIZE, size)[real]
    video, segment = np.nonzero(real)
    cut["id"] = np.array(
        [f"{batch['id'][v].decode()}:{starts[s]}" for v, s in zip(video, segment, strict=True)], object
    )
    return cut


def _ranked(predict, batch):
    classes, scores = (values.numpy() for values in predict(batch))
    if np.isnan(scores).any():
        raise InputError("the predictions hold NaN: the model has diverged. Use another checkpoint.")
    return classes, scores


def _batches(shards, spec, options, progress):
    batches = read_batches(shards, spec, options, labelled=False)
    with tqdm(total=count_records(shards), unit="video", desc="predict", disable=None if progress else True) as bar:
        for batch in checked(batches, shards, spec, labelled=False):
            yield batch
            bar.update(len(batch["id"]))
