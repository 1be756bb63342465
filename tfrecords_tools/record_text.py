"""A record in words: what it holds, with names for its classes and a line for what happens over time."""

import csv

import numpy as np

from yt8m_distill.data.record_description import describe_record, parse_record
from yt8m_distill.errors import InputError
from yt8m_distill.spec import MAX_QUANTIZED, MIN_QUANTIZED, SEGMENT_SIZE

_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 60
_LAYOUTS = {"frame": "SequenceExample", "segment": "SequenceExample", "video": "Example"}
_NAME_COLUMNS = ("name", "display_name")
_TOLD_APART = ("labels", "segment_start_times", "segment_end_times", "segment_labels", "segment_scores")
_MAX_VALUES = 8


def read_class_names(path):
    """Returns {class: name} from a CSV file with the columns Index and Name (or display_name, as AudioSet's has).

    Raises:
      InputError: there is no such file, or it lacks the columns.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = {(column or "").strip().lower(): column for column in reader.fieldnames or []}
            name = next((columns[key] for key in _NAME_COLUMNS if key in columns), None)
            if name is None or "index" not in columns:
                found = ", ".join(reader.fieldnames or []) or "nothing"
                raise InputError(f"--vocabulary={path} has the columns {found}: expected Index and Name.")
            return {int(row[columns["index"]]): row[name] for row in reader}
    except OSError as error:
        raise InputError(f"--vocabulary={path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"--vocabulary={path} is no table of classes: {error}.") from None


def record_text(serialized, class_names=None):
    """Returns several lines that say what one serialized record holds.

    Args:
      serialized: the bytes of an Example or SequenceExample of any level.
      class_names: {class: name}, or None.

    Raises:
      InputError: the bytes are no record.
    """
    description, message = describe_record(serialized), parse_record(serialized)
    names = class_names or {}
    layout = f"{description.level} level ({_LAYOUTS[description.level]}), {len(serialized):,} bytes"
    lines = [("layout", layout), ("id", f"{description.id} (key {description.id_key})" if description.id else "none")]
    labels = ", ".join(_class_text(label, names) for label in description.labels)
    lines.append(("labels", f"{len(description.labels)}: {labels}" if labels else "none"))
    if description.num_frames:
        most = max(description.num_frames.values())
        lines.append(("frames", f"{most} ({most // 60}:{most % 60:02d} at one a second)"))
    for name in description.sizes:
        lines += _feature_lines(name, description, message)
    lines += _other_lines(description, message.context.feature)
    lines += _segment_lines(description, names)
    width = max(len(title) for title, _ in lines)
    return "\n".join(f"  {title:<{width}}  {text}" for title, text in lines)


def _class_text(label, names):
    return f"{names[label]} ({label})" if label in names else str(label)


def _feature_lines(name, description, message):
    if name in description.irregular_sizes:
        sizes = ", ".join(map(str, description.irregular_sizes[name][:_MAX_VALUES]))
        return [(name, f"{description.num_frames[name]} frames of unequal size: {sizes} bytes")]
    if description.level == "video":
        values = np.asarray(message.context.feature[name].float_list.value, np.float32)
        return [(name, f"{len(values)} floats{_summary(values)}")]
    size, count = description.sizes[name], description.num_frames[name]
    if not size:
        return [(name, f"{count} frames without bytes")]
    frames = message.feature_lists.feature_list[name].feature
    codes = np.frombuffer(b"".join(frame.bytes_list.value[0] for frame in frames), np.uint8).reshape(count, size)
    values = codes * np.float32((MAX_QUANTIZED - MIN_QUANTIZED) / 255) + np.float32(4 / 512 + MIN_QUANTIZED)
    clipped = np.mean((codes == 0) | (codes == 255))
    lines = [(name, f"{count} x {size} bytes{_summary(values)}, {clipped:.1%} at the ends of the range")]
    if count > 2:
        lines.append(("  change", f"{_sparkline(np.abs(np.diff(values, axis=0)).mean(axis=1))} from frame to frame"))
    return lines


def _summary(values):
    if not values.size:
        return ""
    return f": {values.min():.2f} to {values.max():.2f}, mean {values.mean():.3f}, deviation {values.std():.3f}"


def _sparkline(values):
    """At most 60 characters, each the largest of its share of the values, from the least to the most of them."""
    bounds = np.unique(np.linspace(0, len(values), min(len(values), _COLUMNS) + 1).astype(int))
    peaks = np.maximum.reduceat(values, bounds[:-1])
    heights = (peaks - peaks.min()) / max(float(np.ptp(peaks)), 1e-9)
    return "".join(_BARS[int(height * (len(_BARS) - 1) + 0.5)] for height in heights)


def _other_lines(description, context):
    """Context features that have no line of their own, such as AudioSet's start and end times."""
    told = {description.id_key, *_TOLD_APART, *description.sizes}
    lines = []
    for name in sorted(set(context) - told):
        kind = context[name].WhichOneof("kind")
        values = list(getattr(context[name], kind).value) if kind else []
        text = ", ".join(_plain(value) for value in values[:_MAX_VALUES])
        lines.append((name, text + (f", ... ({len(values)})" if len(values) > _MAX_VALUES else "")))
    return lines


def _plain(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else f"{value:g}"


def _segment_lines(description, names):
    if not description.segments:
        return []
    segments = description.segments
    ratings = zip(segments.start_times, segments.labels, segments.scores, strict=False)
    return [
        ("segment", f"{start}-{start + SEGMENT_SIZE} s: {_class_text(label, names)} {'yes' if score > 0 else 'no'}")
        for start, label, score in sorted(ratings)
    ]
