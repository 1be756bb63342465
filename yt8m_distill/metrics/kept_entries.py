"""Every (score, hit, class) entry kept so far, in compact arrays, and the positives that exist."""

import numpy as np

from yt8m_distill.metrics.average_precision import descending_order


class KeptEntries:
    """Accumulates the entries of `TopK` batches: 7 bytes an entry, 140 a video at top 20.

    Entries are ranked by descending score; equal scores keep their order of arrival, that is by video, and by class
    within a video. How the videos were split into batches changes nothing.
    """

    def __init__(self):
        self._batches = []
        self.num_positives = 0
        self._positives = None

    def append(self, reduced):
        """Adds a `TopK` of arrays; entries of class -1 are absent ones and left out."""
        classes = np.asarray(reduced.classes)
        present = classes >= 0
        positives = np.asarray(reduced.positives).sum(axis=0, dtype=np.int64)
        kept_type = np.min_scalar_type(len(positives))
        self._batches.append(
            (
                np.asarray(reduced.scores, np.float32)[present],
                np.asarray(reduced.hits, bool)[present],
                classes[present].astype(kept_type),
            )
        )
        self.num_positives += int(np.asarray(reduced.num_labels).sum())
        self._positives = positives if self._positives is None else self._positives + positives

    @property
    def positives(self):
        """int64 (classes,) positives of each class, in the top k or not; empty before the first batch."""
        return np.zeros(0, np.int64) if self._positives is None else self._positives

    def ranked(self):
        """The hits (n,) and classes (n,) of all entries, best score first."""
        if not self._batches:
            return np.zeros(0, bool), np.zeros(0, np.uint8)
        scores, hits, classes = zip(*self._batches, strict=True)
        order = descending_order(np.concatenate(scores))  # one column at a time: the order is as large as all of them
        return np.concatenate(hits)[order], np.concatenate(classes)[order]
