"""The submission of the video-level challenges: `VideoId,LabelConfidencePairs`. NumPy only.

One line a video, `id,class score class score ...`: the top-k classes by descending score, scores with `%g`
(6 significant digits), as inference.py of the starter code writes them.
"""

import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import written_aside

HEADER = "VideoId,LabelConfidencePairs"


def check_top_k(top_k, num_classes):
    """Raises InputError unless 1 <= top_k <= num_classes: a line of the submission has exactly `top_k` pairs."""
    if not 1 <= top_k <= num_classes:
        raise InputError(f"--top_k={top_k}: expected 1 to {num_classes}, the number of classes.")


def highest_scores(predictions, top_k):
    """The top-k classes of full predictions, for `format_lines`.

    Args:
      predictions: (videos, classes).
      top_k: classes kept; at most the number of classes.

    Returns:
      Classes int64 (videos, top_k) and their scores, descending; equal scores by class, the lower class first.

    Raises:
      InputError: top_k is below 1 or above the number of classes, or a prediction is NaN.
    """
    predictions = np.asarray(predictions)
    num_classes = predictions.shape[1]
    check_top_k(top_k, num_classes)
    if np.isnan(predictions).any():
        raise InputError("the predictions hold NaN: the model has diverged. Use another checkpoint.")
    # A partition keeps any of the scores that equal the k-th; sort the few candidates at or above it by (score, class).
    least = np.partition(predictions, num_classes - top_k, axis=1)[:, num_classes - top_k, None]
    rows, classes = np.nonzero(predictions >= least)
    order = np.lexsort((-predictions[rows, classes], rows))
    counts = np.bincount(rows, minlength=len(predictions))
    first = np.cumsum(counts) - counts
    kept = classes[order][first[:, None] + np.arange(top_k)]
    return kept, np.take_along_axis(predictions, kept, axis=1)


def format_lines(ids, classes, scores):
    """The lines of a batch of videos, without line ends.

    Args:
      ids: (videos,) strings or UTF-8 bytes.
      classes: (videos, k) integers.
      scores: (videos, k), descending.

    Returns:
      A list of strings.
    """
    classes, scores = np.asarray(classes), np.asarray(scores)
    pairs = np.empty((len(classes), 2 * classes.shape[1]), object)
    pairs[:, 0::2], pairs[:, 1::2] = classes, scores
    template = "%s," + " ".join(["%i %g"] * classes.shape[1])
    return [template % (text(video), *row) for video, row in zip(ids, pairs.tolist(), strict=True)]


def text(identifier):
    """The id as a string, whether it comes as a string or as UTF-8 bytes."""
    return identifier.decode() if isinstance(identifier, bytes) else str(identifier)


def write_submission(path, batches):
    """Writes the submission; `path` appears when it is complete.

    Args:
      path: the file to write; an existing one is replaced.
      batches: iterable of (ids, classes, scores) as `format_lines` takes them.

    Returns:
      The number of videos written.

    Raises:
      InputError: the file cannot be written.
    """
    count = 0
    with written_aside(path) as file:
        file.write(HEADER + "\n")
        for ids, classes, scores in batches:
            file.writelines(line + "\n" for line in format_lines(ids, classes, scores))
            count += len(ids)
    return count
