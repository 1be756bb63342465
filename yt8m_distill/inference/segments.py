"""The submission of the 2019 segment challenge: `Class,Segments`, the best segments of each class. NumPy only."""

import csv

import numpy as np

from yt8m_distill.errors import InputError
from yt8m_distill.inference.kaggle_csv import text
from yt8m_distill.metrics.average_precision import descending_order
from yt8m_distill.written_aside import written_aside

HEADER = "Class,Segments"
_PRUNE_AT = 4_000_000  # entries collected between two prunings, at least


def read_whitelist(path):
    """Classes of a CSV with the header `Index`, as the challenge's segment_label_ids.csv.

    Returns:
      int64 (n,), ascending.

    Raises:
      InputError: the file cannot be read, has no `Index` column, no class, or something else than an integer.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if "Index" not in (rows.fieldnames or ()):
                raise InputError(f"{path}: expected a CSV with a column `Index`, received columns {rows.fieldnames}.")
            classes = [_whole_number(row["Index"], path, rows.line_num) for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a CSV: {error}.") from error
    if not classes:
        raise InputError(f"{path} lists no class below its header `Index`.")
    return np.unique(np.array(classes, np.int64))


def _whole_number(value, path, line):
    if not (value or "").strip().isdecimal():
        raise InputError(f"{path}, line {line}: expected a class (a whole number), received {value!r}.")
    return int(value)


def six_digits(scores):
    """Scores as they would be read back from `%g`: rounded to 6 significant digits. float32, any shape.

    6 digits survive float32, so two scores are equal here exactly where their texts are.
    """
    scores = np.asarray(scores, np.float64)
    exponents = np.floor(np.log10(np.where(scores == 0, 1, np.abs(scores))))
    scale = 10.0 ** (5 - exponents)
    return (np.rint(scores * scale) / scale).astype(np.float32)


class SegmentSubmission:
    """Collects scored segments and keeps the best of each class, in bounded memory.

    Segments of a class are ordered by descending score of 6 digits; equal scores keep their order of arrival. Classes
    stand in order of first appearance. Memory: 12 bytes for each of at most `max_per_class` entries a class, as much
    again (at least 4 million entries) for those not yet pruned, and the ids of all segments.

    Args:
      whitelist: classes to submit; others are dropped.
      max_per_class: segments kept of a class (`--segment_max_pred`).
    """

    def __init__(self, whitelist, max_per_class=100_000):
        if max_per_class < 1:
            raise InputError(f"--segment_max_pred={max_per_class}: expected at least 1.")
        self.whitelist = np.unique(np.asarray(whitelist, np.int64))
        self.max_per_class = max_per_class
        self._ids = []
        self._classes = {}  # an ordered set: by first appearance
        self._kept = _columns()
        self._pending = []

    def class_mask(self, num_classes):
        """float32 (num_classes,), 1 for the whitelist: multiply predictions by it before their top k is taken."""
        if self.whitelist[-1] >= num_classes:
            raise InputError(f"class {self.whitelist[-1]} of the whitelist: the model has {num_classes} classes.")
        mask = np.zeros(num_classes, np.float32)
        mask[self.whitelist] = 1
        return mask

    def add(self, segment_ids, classes, scores):
        """Adds a batch of segments.

        Args:
          segment_ids: (segments,) `id:start`, strings or bytes.
          classes: (segments, k) integers.
          scores: (segments, k), descending.
        """
        classes = np.asarray(classes)
        segments = np.repeat(np.arange(len(classes)) + len(self._ids), classes.shape[1])
        wanted = np.isin(classes, self.whitelist).ravel()
        found = classes.ravel()[wanted]
        self._note_classes(found)
        self._ids.extend(text(segment) for segment in segment_ids)
        self._pending.append(_columns(found, six_digits(scores).ravel()[wanted], segments[wanted]))
        if sum(len(batch[0]) for batch in self._pending) > max(_PRUNE_AT, len(self._kept[0])):
            self._prune()

    def _note_classes(self, found):
        values, first = np.unique(found, return_index=True)
        self._classes.update(dict.fromkeys(values[np.argsort(first)].tolist()))

    def _prune(self):
        """Sorts all entries by (class, score, arrival) and cuts each class."""
        classes, scores, segments = (np.concatenate(column) for column in zip(self._kept, *self._pending, strict=True))
        order = descending_order(scores)
        order = order[np.argsort(classes[order], kind="stable")]
        classes = classes[order]
        starts = np.searchsorted(classes, classes)
        best = np.arange(len(classes)) - starts < self.max_per_class
        self._kept = classes[best], scores[order][best], segments[order][best]
        self._pending = []

    def lines(self):
        """Yields `class,id:start id:start ...` for each class, without line ends."""
        self._prune()
        classes, _, segments = self._kept
        for label in self._classes:
            begin, end = np.searchsorted(classes, [label, label + 1])
            yield f"{label}," + " ".join(self._ids[segment] for segment in segments[begin:end].tolist())

    def write(self, path):
        """Writes the submission; `path` appears when it is complete."""
        with written_aside(path) as file:
            file.write(HEADER + "\n")
            file.writelines(line + "\n" for line in self.lines())


def _columns(classes=(), scores=(), segments=()):
    return np.asarray(classes, np.int32), np.asarray(scores, np.float32), np.asarray(segments, np.int32)


def read_submission(path):
    """A `Class,Segments` file as `segment_map` takes it: {class: segment ids, best first}.

    Raises:
      InputError: the file cannot be read, or a line is not `class,id id ...`.
    """
    submission = {}
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip() != HEADER:
                    label, comma, segments = line.partition(",")
                    if not comma:
                        raise InputError(f"{path}, line {number}: expected `class,id:start id:start ...`.")
                    submission[_whole_number(label, path, number)] = segments.split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a submission: {error}.") from error
    return submission
