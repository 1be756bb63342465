"""Shards of video-level records in, shards of frame-level records out, of the same names."""

import contextlib
import dataclasses
import json
import os

import numpy as np
import tensorflow as tf

from tfrecords_tools import record_bytes
from tfrecords_tools.expanded_videos import MOST_CODE, exact_codes
from yt8m_distill.data.record_checks import check_first_record, explain_failure
from yt8m_distill.data.records import parse_videos
from yt8m_distill.data.shards import count_records, serialized_records
from yt8m_distill.errors import InputError

LIST_NAME = "expanded.json"
_NOTE = "Expanded from video-level records: ids, labels and means are real, the frames around the means are made."
_PARSED = 64  # records at a time


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """One shard to be written: the shard it is made of, its own path, how many records to take, the first ones."""

    source: str
    path: str
    videos: int
    whole: bool

    @property
    def name(self):
        return os.path.basename(self.path)


class ExpandedSet:
    """A folder of expanded shards.

    A shard appears under its name once it is complete. `expanded.json` lists the complete ones and the settings that
    made them, so that a run continues where another one stopped, and shards of other settings never lie among them.

    Args:
      output_dir: a folder, made where it is missing; local, or remote if tf.io.gfile opens it.
      spec: FeatureSpec of the video level.
      maker: expanded_videos.FrameMaker for its features.
      settings: {name of a flag: value}, all that the frames depend on.
    """

    def __init__(self, output_dir, spec, maker, settings):
        self._folder, self._spec, self._maker, self._settings = output_dir.rstrip("/"), spec, maker, settings
        self._listed = {}
        # Traced once: in a dataset's map it would be for every shard, which takes as long as a hundred videos.
        self._parse = tf.function(lambda batch: parse_videos(batch, spec), [tf.TensorSpec([None], tf.string)])

    def plan(self, shards, num_videos=None, overwrite=False):
        """Decides what is to be written; with `overwrite`, removes what lies there under these names.

        Args:
          shards: paths of video-level shards.
          num_videos: take so many videos, the first ones of every shard, the same share of each; None for all.
          overwrite: write the complete ones again.

        Returns:
          (PlannedShards to write, PlannedShards that are complete).

        Raises:
          InputError: two shards have the same name, one holds no such records, one would be written over its source,
            the folder holds shards of other settings or of other videos, or it cannot be written to.
        """
        planned = self._planned(shards, num_videos)
        with self._writing():
            tf.io.gfile.makedirs(self._folder)
            self._read_list()
            replaced = planned if overwrite else []
            for shard in replaced:
                self._listed.pop(shard.name, None)
            self._check_settings()
            for shard in replaced:
                _remove(shard.path)
            complete = [shard for shard in planned if self._is_complete(shard)]
        return [shard for shard in planned if shard not in complete], complete

    def write(self, shard, progress=lambda: None):
        """Writes a PlannedShard and lists it.

        Args:
          shard: of `plan`.
          progress: called after every video.

        Returns:
          int64 (4,): videos, frames, bytes on disk, and means past what 8 bits hold.

        Raises:
          InputError: a record is not as the spec says, or a file is damaged or cannot be written.
        """
        partial = f"{shard.path}.partial"
        with self._writing():
            try:
                totals = self._write_records(shard, partial, progress)
                # Listed first: where the command is killed in between, the missing shard is written again.
                self._listed[shard.name] = {"videos": shard.videos, "bytes": int(totals[2])}
                self._write_list()
                tf.io.gfile.rename(partial, shard.path, overwrite=True)
            finally:
                _remove(partial)
        return totals

    def _planned(self, shards, num_videos):
        counts = [count_records([shard]) for shard in shards]
        for path, count in zip(shards, counts, strict=True):
            if not count:
                check_first_record(path, self._spec)
        ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        taken = np.diff(ends * min(num_videos or ends[-1], ends[-1]) // ends[-1]).tolist()
        planned = [
            PlannedShard(
                source, f"{self._folder}/{os.path.basename(source).removesuffix('.gz')}", videos, not num_videos
            )
            for source, videos in zip(shards, taken, strict=True)
        ]
        self._check_names(planned)
        return [shard for shard in planned if shard.videos]

    def _check_names(self, planned):
        sources = {}
        for shard in planned:
            other = sources.setdefault(shard.name, shard.source)
            if other != shard.source:
                raise InputError(f"{other} and {shard.source} have the same name: expand them into two folders.")
            if os.path.realpath(shard.path) == os.path.realpath(shard.source):
                raise InputError(f"--output_dir={self._folder} holds {shard.source} itself: choose another folder.")

    def _read_list(self):
        path = f"{self._folder}/{LIST_NAME}"
        if tf.io.gfile.exists(path):
            with tf.io.gfile.GFile(path) as file:
                text = file.read()
            try:
                content = json.loads(text)
                self._listed, self._earlier = content["shards"], content["settings"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{path} is no list of expanded shards ({error!r}): choose another --output_dir, or empty it."
                ) from error

    def _check_settings(self):
        changed = [name for name, value in self._settings.items() if self._listed and self._earlier.get(name) != value]
        if changed:
            raise InputError(
                f"{self._folder} holds {len(self._listed)} shards expanded with {_flags(self._earlier, changed)}, now "
                f"it is {_flags(self._settings, changed)}: choose another --output_dir, or --overwrite all of them."
            )

    def _is_complete(self, shard):
        entry = self._listed.get(shard.name)
        if not tf.io.gfile.exists(shard.path):
            return False
        if entry == {"videos": shard.videos, "bytes": tf.io.gfile.stat(shard.path).length}:
            return True
        was = f"listed with {entry['videos']} videos and {entry['bytes']} bytes" if entry else "not listed"
        raise InputError(
            f"{shard.path} is there, {was} in {LIST_NAME}; {shard.videos} videos are asked for: choose another "
            "--output_dir, or replace it with --overwrite."
        )

    def _write_list(self):
        path = f"{self._folder}/{LIST_NAME}"
        content = {"note": _NOTE, "settings": self._settings, "shards": dict(sorted(self._listed.items()))}
        with tf.io.gfile.GFile(f"{path}.partial", "w") as file:
            file.write(json.dumps(content, indent=1) + "\n")
        tf.io.gfile.rename(f"{path}.partial", path, overwrite=True)

    def _write_records(self, shard, path, progress):
        totals = np.zeros(4, np.int64)
        with tf.io.TFRecordWriter(path) as writer:
            for video_id, labels, means in self._records(shard):
                frames = self._maker.frames(video_id, means)
                record = self._serialize(video_id, labels, frames)
                writer.write(record)
                totals += (1, len(frames), len(record) + 16, _outside(means))
                progress()
        return totals

    def _serialize(self, video_id, labels, frames):
        context = {"id": video_id} | ({"labels": labels} if len(labels) else {})
        columns = np.split(frames, np.cumsum(self._spec.sizes)[:-1], axis=1)
        names = [name.removeprefix("mean_") for name in self._spec.names]
        return record_bytes.sequence_example(context, dict(zip(names, columns, strict=True)))

    def _records(self, shard):
        """Yields (id, int64 (labels,), float32 (values,)) of every video of a shard."""
        # A whole shard is read to its end, so that damage there shows.
        records = serialized_records([shard.source]).take(-1 if shard.whole else shard.videos)
        try:
            for serialized in records.batch(_PARSED).prefetch(2):
                batch = {key: value.numpy() for key, value in self._parse(serialized).items()}
                means = np.concatenate([batch[name] for name in self._spec.names], axis=1)
                if not (np.isfinite(means).all() and all(batch["id"])):
                    explain_failure([shard.source], self._spec)
                labels = [row[row >= 0].astype(np.int64) for row in batch["labels"]]
                yield from zip(batch["id"].tolist(), labels, means, strict=True)
        except tf.errors.OpError:
            explain_failure([shard.source], self._spec)
            raise

    @contextlib.contextmanager
    def _writing(self):
        try:
            yield
        except tf.errors.OpError as error:
            raise InputError(f"--output_dir={self._folder} cannot be written to: {error.message}") from None


def _outside(means):
    codes = exact_codes(means)
    return np.count_nonzero((codes < 0) | (codes > MOST_CODE))


def _flags(settings, names):
    return " ".join(f"--{name}={settings.get(name)}" for name in names)


def _remove(path):
    if tf.io.gfile.exists(path):
        tf.io.gfile.remove(path)
