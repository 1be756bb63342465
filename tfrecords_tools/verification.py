"""All shards of a set checked, and what was found put into words."""

import collections
import csv
import dataclasses
import os
import re

from yt8m_distill.data.record_checks import ShardReport, check_shard, detect_layout
from yt8m_distill.spec import FeatureSpec

_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Verification:
    """What a set of shards holds.

    Attributes:
      shards: a ShardReport each.
      repeated: {id: paths of the shards that hold it}, for ids that stand in more than one record.
    """

    shards: tuple[ShardReport, ...]
    repeated: dict[str, tuple[str, ...]]

    @property
    def problems(self):
        """List of (path, record number or None, text)."""
        return [(shard.path, number, text) for shard in self.shards for number, text in shard.problems]


def expected_spec(first_shard, names, sizes, num_classes, level):
    """Returns (FeatureSpec, what was taken from the first record, in words, or None).

    Args:
      first_shard: path of the shard whose first record fills in what is None.
      names, sizes: tuples, or both None.
      num_classes: number of classes.
      level: "frame", "video", "segment" or None.

    Raises:
      InputError: something is missing and the first record cannot be read, or names and sizes do not pair up.
    """
    if names and sizes and level:
        return FeatureSpec(names, sizes, num_classes, level), None
    found = detect_layout(first_shard)
    level = level or found.level
    if not names or not sizes:
        names = names or tuple(sorted(found.sizes, key=found.sizes.get, reverse=True))
        sizes = sizes or tuple(found.sizes.get(name, 1) for name in names)
    spec = FeatureSpec(names, sizes, num_classes, level)
    pairs = ", ".join(f"{name} of {size}" for name, size in spec.size_by_name.items())
    return spec, f"Expecting what the first record holds: {level} level, {pairs}, classes 0..{num_classes - 1}."


def verify_shards(paths, spec):
    """Returns the Verification of the shards; `paths` may be a progress bar around a list."""
    shards, places = [], collections.defaultdict(list)
    for path in paths:
        shards.append(check_shard(path, spec))
        for video_id in shards[-1].ids:
            places[video_id].append(path)
    repeated = {name: tuple(found) for name, found in places.items() if name and len(found) > 1}
    return Verification(tuple(shards), repeated)


def report_text(verification):
    """Returns the report for people: totals, problems of a kind together, ids that stand twice."""
    shards, problems = verification.shards, verification.problems
    total = {name: sum(getattr(shard, name) for shard in shards) for name in ("records", "bytes", "frames", "labels")}
    records = max(total["records"], 1)
    lines = [
        f"shards    {len(shards):,}",
        f"records   {total['records']:,}",
        f"bytes     {total['bytes']:,}",
        f"labels    {total['labels']:,} ({total['labels'] / records:.2f} a record, "
        f"highest {max((shard.max_label for shard in shards), default=-1)})",
    ]
    if total["frames"]:
        lines.insert(3, f"frames    {total['frames']:,} ({total['frames'] / records:.1f} a record)")
    segments = sum(shard.segments for shard in shards)
    if segments:
        lines.append(f"segments  {segments:,} rated")
    return "\n".join([*lines, *_repeated_lines(verification.repeated), *_problem_lines(problems)])


def _repeated_lines(repeated):
    if not repeated:
        return []
    name, paths = next(iter(repeated.items()))
    where = " and ".join(dict.fromkeys(os.path.basename(path) for path in paths))
    return [f"repeated  {len(repeated):,} ids stand in more than one record, such as {name} in {where}"]


def _problem_lines(problems):
    if not problems:
        return ["problems  none"]
    kinds = collections.defaultdict(list)
    for problem in problems:
        kinds[re.sub(r"\d+", "#", problem[2])].append(problem)
    ranked = sorted(kinds.values(), key=len, reverse=True)
    lines = [f"problems  {len(problems):,} of {len(kinds):,} kinds"]
    for found in ranked[:_SHOWN]:
        path, number, text = found[0]
        place = path if number is None else f"{path}: record {number}"
        others = f" (and {len(found) - 1:,} more like it)" if len(found) > 1 else ""
        lines.append(f"  {place}: {text}{others}")
    if len(ranked) > _SHOWN:
        lines.append(f"  ... and {len(ranked) - _SHOWN} more kinds: see --report.")
    return lines


def write_report(verification, path):
    """Writes every problem as a line of a CSV file: shard, record (empty for the whole file), problem."""
    partial = f"{path}.partial"
    with open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["shard", "record", "problem"])
        writer.writerows(
            [shard, "" if number is None else number, text] for shard, number, text in verification.problems
        )
    os.replace(partial, path)
