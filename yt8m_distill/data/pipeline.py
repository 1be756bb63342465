"""Shards in, uint8 batches out: the one interface through which training, evaluation and inference read."""

import dataclasses

import numpy as np
import tensorflow as tf

from yt8m_distill.data import record_checks, records
from yt8m_distill.data.mapped_records import mapped_records
from yt8m_distill.data.record_order import bucketed_order, shuffled_order
from yt8m_distill.data.shards import is_mappable, serialized_records
from yt8m_distill.errors import InputError

# Records parsed together, at most: as many as divide the batch. Eight full videos (2.8 MB of frames) stay in cache
# while a batch of 32 (11 MB) does not (docs/decisions.md, benchmarks/input_pipeline.py).
_PARSED_TOGETHER = 8
_PARALLEL_PARSES = 2
_PARALLEL_COPIES = 2
_MOSTLY = 0.95  # of the records have to be regular for an index to pay


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How shards are read.

    Attributes:
      batch_size: examples a batch.
      num_readers: shards read side by side.
      shuffle_buffer: parsed records (not bytes) held to draw from when a seed is given; a full video is 250 kB. Indexed
        records are drawn from all.
      deterministic: False lets readers overtake each other: a little faster, another order in every run.
      drop_remainder: True leaves out the last batch when it is smaller than the others.
      bucket_by_length: whether indexed records are shuffled so that videos of like length share a batch.
      record_index: whether frame-level records of local, uncompressed files are indexed and then read without parsing.
      num_workers, worker: of so many workers that share a pass, this one (from 0) takes every `num_workers`-th batch.
        With an index and `drop_remainder` all take equally many, and none reads what is another's.
    """

    batch_size: int = 128
    num_readers: int = 8
    shuffle_buffer: int = 1024
    deterministic: bool = True
    drop_remainder: bool = False
    bucket_by_length: bool = False
    record_index: bool = True
    num_workers: int = 1
    worker: int = 0


def read_batches(shards, spec, options=None, *, seed=None, epoch=0, labelled=True, skip=0):
    """One pass over the shards.

    Frame-level records of local, uncompressed shards are indexed at the first reading and copied from memory-mapped
    files; all others are parsed. Both roads give the same batches, in the same order where no seed is given.

    Args:
      shards: paths of TFRecord files.
      spec: FeatureSpec of the records.
      options: ReadOptions.
      seed: None reads in order, from `options.num_readers` shards in turn; a number shuffles all records (parsed ones
        shards, and records within the buffer), another way in every `epoch`. Frames that are drawn at random
        (`spec.frame_sampler`) are drawn by the video's id alone without a seed, else anew in every `epoch`.
      epoch: which pass this is.
      labelled: False leaves labels unread (frame and video level): what inference needs.
      skip: batches (of this worker) to leave out at the beginning, for a pass that is resumed.

    Returns:
      A tf.data.Dataset of dicts (the batch contract, see `records.parse_frames`, `parse_videos`, `parse_segments`).
      The same arguments give the same batches in the same order, unless `options.deterministic` is False. A seed
      works together with `tf.random.set_seed`, as all of TensorFlow's do.

    Raises:
      RecordError: a shard that is indexed now is damaged.
    """
    options = options or ReadOptions()
    if spec.level == "frame" and options.record_index and all(map(is_mappable, shards)):
        mapped = mapped_records(shards, spec, labelled)
        if mapped.table.regular.sum() >= _MOSTLY * len(mapped.table):
            dataset = _mapped_batches(mapped, options, seed, epoch, skip)
            return dataset.prefetch(1).with_options(_dataset_options(options))
    dataset = _parsed_batches(shards, spec, options, seed, epoch, labelled)
    dataset = dataset.shard(options.num_workers, options.worker).skip(skip)
    return dataset.prefetch(2).with_options(_dataset_options(options))


def _mapped_batches(mapped, options, seed, epoch, skip):
    order = mapped.order(options.num_readers) if seed is None else shuffled_order(len(mapped.table), seed, epoch)
    if seed is not None and options.bucket_by_length:
        order = bucketed_order(order, mapped.num_frames, options.batch_size, seed, epoch)
    batches = len(order) // options.batch_size if options.drop_remainder else -(-len(order) // options.batch_size)
    signature = mapped.signature(options.batch_size if options.drop_remainder else None)

    def copy(number):
        batch = mapped.batch(order[number * options.batch_size : (number + 1) * options.batch_size], seed, epoch)
        return [batch[key] for key in signature]

    def read(number):
        arrays = tf.numpy_function(copy, [number], [part.dtype for part in signature.values()])
        return {key: tf.ensure_shape(x, part.shape) for (key, part), x in zip(signature.items(), arrays, strict=True)}

    if options.drop_remainder:
        batches -= batches % options.num_workers
    first = min(options.worker + skip * options.num_workers, batches)
    return tf.data.Dataset.range(first, batches, options.num_workers).map(read, _PARALLEL_COPIES)


def _parsed_batches(shards, spec, options, seed, epoch, labelled):
    order = list(shards)
    if seed is not None:
        np.random.default_rng([seed, epoch]).shuffle(order)
    dataset = serialized_records(order, options.num_readers)
    if seed is not None:
        dataset = dataset.shuffle(options.shuffle_buffer, seed=_mixed(seed, epoch), reshuffle_each_iteration=False)
    if spec.level == "frame":
        return _frame_batches(dataset, spec, options, labelled, seed, epoch)
    return (_video_batches if spec.level == "video" else _segment_batches)(dataset, spec, options, labelled)


def _mixed(seed, epoch):
    return int(np.random.SeedSequence([seed, epoch, 1]).generate_state(1)[0])


def _video_batches(dataset, spec, options, labelled):
    dataset = dataset.batch(options.batch_size, drop_remainder=options.drop_remainder)
    return dataset.map(lambda chunk: records.parse_videos(chunk, spec, labelled), _PARALLEL_PARSES)


def _frame_batches(dataset, spec, options, labelled, seed, epoch):
    together = max(n for n in range(1, _PARSED_TOGETHER + 1) if options.batch_size % n == 0)

    def parse(chunk):
        count = tf.size(chunk)
        # All chunks have one shape, so that they are joined by plain copies: the last one is filled up.
        chunk = tf.concat([chunk, tf.repeat(chunk[:1], together - count)], axis=0)
        parsed = records.parse_frames(chunk, spec, labelled, spec.frame_limit, seed, epoch)
        if labelled:
            parsed["labels"] = tf.RaggedTensor.from_tensor(parsed["labels"], padding=-1)
        return {**parsed, "count": count}

    dataset = dataset.batch(together, drop_remainder=options.drop_remainder)
    # In order whatever the options say: the chunk that is filled up must stay the last one.
    dataset = dataset.map(parse, _PARALLEL_PARSES, deterministic=True)
    dataset = dataset.batch(options.batch_size // together, drop_remainder=options.drop_remainder)
    return dataset.map(lambda chunks: _joined(chunks, spec))


def _joined(chunks, spec):
    """Values (chunks, videos, ...) as (batch, ...), cut to the longest video; frames are copied only if it is cut."""
    count = tf.reduce_sum(chunks.pop("count"))
    labels = chunks.pop("labels", None)
    joined = {key: tf.reshape(value, [-1, *value.shape[2:]])[:count] for key, value in chunks.items()}
    longest = tf.reduce_max(joined["num_frames"])
    for name in spec.names:
        joined[name] = joined[name][:, :longest]
    if labels is not None:
        joined["labels"] = labels.merge_dims(0, 1)[:count].to_tensor(-1)
    return joined


def _segment_batches(dataset, spec, options, labelled):
    del labelled  # an example is what was rated
    dataset = dataset.map(lambda record: records.parse_segments(record, spec), _PARALLEL_PARSES).unbatch()
    # Segments differ in their labels alone.
    padding = {
        key: tf.constant(-1 if key == "labels" else "" if key == "id" else 0, value.dtype)
        for key, value in dataset.element_spec.items()
    }
    return dataset.padded_batch(options.batch_size, padding_values=padding, drop_remainder=options.drop_remainder)


def _dataset_options(options):
    chosen = tf.data.Options()
    # Autotuning was seen to stall the end of a pass by up to seconds; the parallelism is fixed above.
    chosen.autotune.enabled = False
    chosen.deterministic = options.deterministic
    return chosen


def checked(batches, shards, spec, labelled=True):
    """Iterates over `batches`; where TensorFlow cannot read a record, says which one and why.

    `labelled` is what `read_batches` was told.

    Raises:
      InputError: names the file, the record number, what was expected and what was received. Also where nothing came
        out because the first record does not fit: at segment level a record without ratings is no error by itself.
    """
    empty = True
    try:
        for batch in batches:
            empty = False
            yield batch
    except tf.errors.OpError as error:
        reason = " ".join((error.message or str(error)).partition("Traceback")[0].split())
        _, changed, line = reason.partition("RecordError: ")
        if changed:
            raise InputError(line) from error
        record_checks.explain_failure(shards, spec, labelled)
        raise InputError(f"reading {shards[0]} and {len(shards) - 1} more failed: {reason}") from error
    if empty:
        record_checks.check_first_record(shards[0], spec, labelled=False)
