"""Records and shards checked against what a model expects, in words that say what to do.

Examples:
  `describe_record(serialized)` says what a record holds, `problems_of(description, spec)` what is wrong with it,
  `check_shard(path, spec)` does both for a whole file.
"""

import dataclasses
import re

from yt8m_distill.data.record_description import RecordDescription, describe_record
from yt8m_distill.errors import InputError

_READ_BY = {
    "frame": "a frame-level model (--frame_features) without --segment_labels",
    "video": "a video-level model (--noframe_features)",
    "segment": "a frame-level model (--frame_features) with --segment_labels",
}
_FRAMING_BYTES = 16  # of a TFRecord: length, its checksum, the checksum of the data
_MAX_LISTED = 8


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What one shard holds and what is wrong with it.

    Attributes:
      path: the file.
      records: records read; reading ends at the first one that is damaged.
      bytes: bytes of these records on disk.
      frames, labels, segments: totals over the records (frames of the feature that has most).
      max_label: the highest label, -1 where there is none.
      ids: the id of every record, in order; "" where it has none.
      problems: (record number counted from 0, text); the number is None where the whole file is meant.
    """

    path: str
    records: int
    bytes: int
    frames: int
    labels: int
    segments: int
    max_label: int
    ids: tuple[str, ...]
    problems: tuple[tuple[int | None, str], ...]


class RecordError(InputError):
    """What is wrong with a file, or with one of its records.

    Attributes:
      number: the record, counted from 0; None where the whole file is meant.
      problem: what is wrong, without the place.
    """

    def __init__(self, path, number, problem):
        super().__init__(f"{path}: {problem}" if number is None else f"{path}: record {number}: {problem}")
        self.number, self.problem = number, problem


@dataclasses.dataclass(frozen=True)
class _Step:
    """One record on the way through a shard, or (`size` 0, no description) the reason why the way ends."""

    number: int | None
    problems: list[str]
    size: int = 0
    description: RecordDescription | None = None


def problems_of(description, spec, *, labelled=True, mended=True):
    """Returns what is wrong with a record that is to be read as `spec` says: a list of sentences, empty if nothing is.

    A segment-level record also serves at frame level: it holds the whole video and its labels.

    Args:
      description: RecordDescription.
      spec: FeatureSpec.
      labelled: whether the labels are read, too.
      mended: whether to tell what the reader mends by itself: features of differing numbers of frames, or of none.
    """
    layout = _layout_problems(description, spec)
    if layout:
        return layout
    problems = [] if description.id else ["it has no id: expected one string of bytes as 'id' or 'video_id'."]
    for name, size in spec.size_by_name.items():
        problems += _feature_problems(description, name, size)
    if spec.has_frames and mended:
        problems += _frame_count_problems(description, spec)
    if labelled:
        problems += _label_problems("label", description.labels, spec)
    if spec.level == "segment":
        problems += _segment_problems(description, spec)
    return problems


def _layout_problems(description, spec):
    if spec.level == description.level or (spec.level, description.level) == ("frame", "segment"):
        return []
    return [
        f"it is {description.level} level ({_listed(description)}), expected {spec.level} level: "
        f"{_READ_BY[description.level]} reads it as it is."
    ]


def _listed(description):
    unit = "floats" if description.level == "video" else "bytes a frame"
    return ", ".join(f"{name}: {size} {unit}" for name, size in description.sizes.items()) or "no float features"


def _feature_problems(description, name, size):
    unit = "floats" if description.level == "video" else "bytes a frame"
    if name not in description.sizes:
        return [f"it has no feature {name!r} (it has {', '.join(description.sizes) or 'none'}): see --feature_names."]
    if name in description.irregular_sizes:
        found = ", ".join(map(str, description.irregular_sizes[name][:_MAX_LISTED]))
        return [f"{name} has frames of {found} bytes, expected {size} in every frame: the record is damaged."]
    problems = []
    if description.sizes[name] != size and description.num_frames.get(name) != 0:
        problems.append(f"{name} has {description.sizes[name]} {unit}, expected {size}: see --feature_sizes.")
    if name in description.not_finite:
        problems.append(f"{name} has {description.not_finite[name]} values that are NaN or infinite.")
    return problems


def _frame_count_problems(description, spec):
    counts = {name: description.num_frames[name] for name in spec.names if name in description.num_frames}
    problems = [f"{name} has no frames: expected at least one." for name, count in counts.items() if count == 0]
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count} frames" for name, count in counts.items())
        problems.append(f"{found}: expected equally many.")
    return problems


def _label_problems(word, labels, spec):
    wrong = sorted({label for label in labels if not 0 <= label < spec.num_classes})
    if not wrong:
        return []
    found = ", ".join(map(str, wrong[:_MAX_LISTED])) + (", ..." if len(wrong) > _MAX_LISTED else "")
    return [f"{word} {found} is not in 0..{spec.num_classes - 1}: see --num_classes."]


def _segment_problems(description, spec):
    segments = description.segments
    counts = [len(segments.start_times), len(segments.labels), len(segments.scores)]
    if len(set(counts)) > 1:
        found = "{} segment_start_times, {} segment_labels and {} segment_scores".format(*counts)
        return [f"it has {found}: expected equally many."]
    problems = _label_problems("segment label", segments.labels, spec)
    end = max((description.num_frames.get(name, 0) for name in spec.names), default=0)
    outside = sorted({start for start in segments.start_times if not 0 <= start < end})
    if outside and end:
        found = ", ".join(map(str, outside[:_MAX_LISTED]))
        problems.append(f"a segment starts at frame {found}, expected 0..{end - 1}: the video has {end} frames.")
    return problems


def check_shard(path, spec, limit=None):
    """Reads a TFRecord file to its end, checksums included, and checks every record.

    Args:
      path: a local path, or a remote one that tf.io.gfile opens.
      spec: the FeatureSpec that the records should fit.
      limit: stop after this many records.

    Returns:
      A ShardReport. A missing, empty, truncated or foreign file is a problem in it, not an exception.
    """
    steps = list(_walk(path, spec, limit))
    found = [step.description for step in steps if step.description]
    return ShardReport(
        path=path,
        records=sum(step.size > 0 for step in steps),
        bytes=sum(step.size for step in steps),
        frames=sum(max(description.num_frames.values(), default=0) for description in found),
        labels=sum(len(description.labels) for description in found),
        segments=sum(len(description.segments.start_times) for description in found if description.segments),
        max_label=max((label for description in found for label in description.labels), default=-1),
        ids=tuple(step.description.id if step.description else "" for step in steps if step.size > 0),
        problems=tuple((step.number, problem) for step in steps for problem in step.problems),
    )


def explain_failure(paths, spec, labelled=True):
    """Raises InputError for the first problem in these shards, returns None if there is none.

    For a reader to call when TensorFlow has failed on the shards, to turn its error into one clear line.
    """
    for path in paths:
        for step in _walk(path, spec, labelled=labelled, mended=False):
            if step.problems:
                raise RecordError(path, step.number, step.problems[0])


def check_first_record(path, spec, labelled=True):
    """Raises InputError where the first record of a shard cannot be read as `spec` says: a wrong flag shows at once."""
    problems = problems_of(detect_layout(path), spec, labelled=labelled, mended=False)
    if problems:
        raise RecordError(path, 0, problems[0])


def detect_layout(path):
    """Returns the RecordDescription of a file's first record.

    Raises:
      InputError: there is no such file, it is a directory, it holds no records or no TFRecords.
    """
    number, serialized = next(read_records(path))
    try:
        return describe_record(serialized)
    except InputError as error:
        raise RecordError(path, number, str(error)) from None


def read_records(path, limit=None):
    """Yields (record number, bytes) of a TFRecord file, local or remote; checksums are compared.

    Raises:
      RecordError: the file is missing, empty, a directory, damaged or no TFRecord file.
    """
    import tensorflow as tf

    from yt8m_distill.data.shards import serialized_records

    unreadable = _file_problem(path)
    if unreadable:
        raise RecordError(path, None, unreadable)
    number = -1
    try:
        dataset = serialized_records([path]).take(-1 if limit is None else limit)
        for number, serialized in enumerate(dataset.as_numpy_iterator()):
            yield number, serialized
    except tf.errors.OpError as error:
        raise RecordError(path, number + 1, _reading_problem(number + 1, error)) from None
    if number < 0 and limit != 0:
        raise RecordError(path, None, "it holds no records.")


def _walk(path, spec, limit=None, **checks):
    """Yields a _Step a record; the last one says why, where the file could not be read to its end.

    `checks` are options of `problems_of`.
    """
    try:
        for number, serialized in read_records(path, limit):
            yield _checked(number, serialized, spec, checks)
    except RecordError as error:
        yield _Step(error.number, [error.problem])


def _checked(number, serialized, spec, checks):
    size = len(serialized) + _FRAMING_BYTES
    try:
        description = describe_record(serialized)
    except InputError as error:
        return _Step(number, [str(error)], size)
    return _Step(number, problems_of(description, spec, **checks), size, description)


def _file_problem(path):
    import tensorflow as tf

    try:
        if tf.io.gfile.isdir(path):
            return f"it is a directory: give a pattern for the files in it, such as '{path.rstrip('/')}/*.tfrecord'."
        return None if tf.io.gfile.exists(path) else "there is no such file."
    except tf.errors.OpError as error:
        return f"it cannot be opened: {_first_line(error)}"


def _reading_problem(number, error):
    if number == 0 and "corrupted record at 0" in str(error):
        return "it is not a TFRecord file, or its beginning is damaged: the first checksum is wrong."
    if "truncated record" in str(error) or "corrupted record" in str(error):
        return f"the file is damaged here ({_first_line(error)}): fetch or write it again."
    return f"it cannot be read: {_first_line(error)}"


def _first_line(error):
    line = (error.message or str(error)).splitlines()[0].split(" [Op:")[0]
    return re.sub(r"\{\{.*?\}\} *", "", line)
