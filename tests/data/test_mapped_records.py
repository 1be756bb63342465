import dataclasses
import gc
import gzip
import os
import pathlib
import time

import numpy as np
import pytest
import tensorflow as tf
from made_records import FRAME, frame_record, integers, random_frames, random_record, strings, write_shard, write_shards
from test_record_layout import IRREGULAR

from yt8m_distill.data import mapped_files, pipeline
from yt8m_distill.data.mapped_records import mapped_records
from yt8m_distill.data.pipeline import ReadOptions, checked, read_batches
from yt8m_distill.data.records import parse_frames
from yt8m_distill.errors import InputError
from yt8m_distill.spec import SAMPLERS, FeatureSpec


def both_roads(shards, spec, **options):
    """Batches as (copied, parsed), all of them held at once."""
    roads = [read_batches(shards, spec, ReadOptions(**options, record_index=index)) for index in (True, False)]
    return zip(*map(list, roads), strict=True)


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for key in left:
        assert left[key].dtype == right[key].dtype
        np.testing.assert_array_equal(left[key], right[key], err_msg=key)


@pytest.mark.parametrize(
    "seed, sampling",
    [(seed, sampling) for seed in range(4) for sampling in ((0,), (3,), (100,))]
    + [(3, (3, sampler)) for sampler in SAMPLERS],
    ids=str,
)
def test_batches_are_those_of_the_parser_bit_for_bit(tmp_path, monkeypatch, seed, sampling):
    monkeypatch.setattr(pipeline, "_MOSTLY", 0)  # an index for irregular records too
    random = np.random.default_rng(seed)
    spec = FeatureSpec(FRAME.names, FRAME.sizes, 20, "frame", int(random.integers(3, 12)), *sampling)
    records = [random_record(random, spec, f"v{i}", ragged=bool(seed % 2)) for i in range(random.integers(1, 60))]
    if seed % 3 == 0:
        records += [irregular_but_readable(random) for _ in range(5)]
        random.shuffle(records)
    shards = write_shards(tmp_path, records, int(random.integers(1, 5)))
    options = {"batch_size": int(random.integers(1, 20)), "num_readers": int(random.integers(1, 4))}
    batches = 0
    for copied, parsed in both_roads(shards, spec, **options):
        assert_equal(copied, parsed)
        batches += 1
    assert batches == -(-len(records) // options["batch_size"])


def irregular_but_readable(random):
    """A record that the index cannot describe and the parser reads."""
    record = frame_record(random_frames(random, FRAME, 4), [1, 2], "odd")
    message = tf.train.SequenceExample.FromString(record)
    kind = random.integers(3)
    if kind == 0:  # protocol buffers merge the parts of a message
        more = tf.train.SequenceExample(context=tf.train.Features(feature={"labels": integers([5])}))
        return message.SerializeToString() + more.SerializeToString()
    if kind == 1:
        message.context.feature["labels"].Clear()
    else:
        message.context.feature["note"].CopyFrom(strings([b"a", b"b"]))
        message.context.feature["labels"].Clear()
    return message.SerializeToString()


@pytest.mark.parametrize("record", IRREGULAR.values(), ids=IRREGULAR)
def test_a_record_is_an_error_on_both_roads_or_on_none(tmp_path, monkeypatch, record):
    monkeypatch.setattr(pipeline, "_MOSTLY", 0)
    good = frame_record(random_frames(np.random.default_rng(0), FRAME, 3), [1])
    shard = write_shard(tmp_path / "shard", [good, record, good])
    outcomes = []
    for record_index in (True, False):
        try:
            outcomes.append(list(read_batches([shard], FRAME, ReadOptions(record_index=record_index))))
        except tf.errors.OpError:
            outcomes.append(None)
    assert (outcomes[0] is None) == (outcomes[1] is None)
    for copied, parsed in zip(outcomes[0] or (), outcomes[1] or (), strict=True):
        assert_equal(copied, parsed)


def numbered(count):
    """Frame-level records whose bytes are all equal to the number of their record, up to 255."""
    frames = [
        {name: np.full((5, size), n % 256, np.uint8) for name, size in FRAME.size_by_name.items()} for n in range(count)
    ]
    return [frame_record(value, [n % 20], str(n)) for n, value in enumerate(frames)]


@pytest.mark.parametrize("held", [1, 3, 50])
def test_memory_is_not_used_again_while_a_batch_is_held(tmp_path, held):
    shards = write_shards(tmp_path, numbered(200), 4)
    kept = []
    for epoch in range(3):
        for batch in read_batches(shards, FRAME, ReadOptions(8), seed=0, epoch=epoch):
            kept = [*kept, (batch["id"].numpy().astype(int), batch["rgb"], batch["audio"])][-held:]
            del batch
            gc.collect(0)
            for ids, rgb, audio in kept:
                assert (rgb.numpy() == ids[:, None, None]).all()
                assert (audio.numpy() == ids[:, None, None]).all()


def test_memory_is_used_again(tmp_path):
    mapped = mapped_records(write_shards(tmp_path, numbered(4), 1), FRAME)
    first = mapped.batch(np.arange(4))["rgb"]
    address = first.ctypes.data
    view = first[1:3]
    del first
    assert mapped.batch(np.arange(4))["rgb"].ctypes.data != address
    del view
    assert mapped.batch(np.arange(4))["rgb"].ctypes.data == address


def test_more_shards_than_are_kept_open_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_files, "_OPEN", 2)
    monkeypatch.setattr(mapped_files, "_KEPT_BYTES", 1000)
    shards = write_shards(tmp_path, numbered(40), 7)
    for copied, parsed in both_roads(shards, FRAME, batch_size=5):
        assert_equal(copied, parsed)


def test_a_shuffled_pass_draws_from_all_records(tmp_path):
    shards = write_shards(tmp_path, numbered(400), 2)
    ids = np.concatenate([batch["id"].numpy().astype(int) for batch in read_batches(shards, FRAME, seed=0)])
    assert sorted(ids) == list(range(400))
    assert abs(np.corrcoef(ids, np.arange(400))[0, 1]) < 0.2


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("record_index", [True, False])
def test_a_pass_goes_on_behind_the_batches_that_are_skipped(tmp_path, seed, record_index):
    shards = write_shards(tmp_path, numbered(30), 3)
    options = ReadOptions(batch_size=4, record_index=record_index)
    whole = list(read_batches(shards, FRAME, options, seed=seed))
    for skip in (0, 1, 7, 8, 9):
        rest = list(read_batches(shards, FRAME, options, seed=seed, skip=skip))
        assert len(rest) == max(8 - skip, 0)
        for left, right in zip(rest, whole[skip:], strict=True):
            assert_equal(left, right)


def cut_short(path, other):
    del other
    os.truncate(path, os.path.getsize(path) // 2)


def overwritten(path, other):
    pathlib.Path(path).write_bytes(pathlib.Path(other).read_bytes())


def replaced_with_the_same_size_and_time(path, other):
    before = os.stat(path)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (before.st_size, before.st_mtime_ns)


CHANGES = [cut_short, overwritten, replaced_with_the_same_size_and_time]


def two_states(folder):
    """Paths of a shard of 60 records and of another of the same size with other frames."""
    records = numbered(90)
    return write_shard(folder / "shard", records[10:70]), write_shard(folder / "other", records[30:90])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("opened", [True, False])
def test_a_shard_that_changes_during_a_pass_ends_it_in_one_line(tmp_path, monkeypatch, change, opened):
    shard, other = two_states(tmp_path)
    if not opened:
        monkeypatch.setattr(mapped_files, "_OPEN", 0)  # every look at a file opens it again
    batches = checked(read_batches([shard], FRAME, ReadOptions(1)), [shard], FRAME)
    next(batches)
    time.sleep(0.5)  # the batches that are read ahead are complete then
    change(shard, other)
    with pytest.raises(InputError) as error:
        for batch in batches:
            number = int(batch["id"].numpy()[0])
            assert (batch["rgb"].numpy() == number).all() and number < 70
    assert str(error.value).startswith(f"{shard}: it was changed while it was read") and "\n" not in str(error.value)


@pytest.mark.parametrize("change", CHANGES[1:])
def test_a_shard_that_changed_between_two_passes_is_indexed_again(tmp_path, change):
    shard, other = two_states(tmp_path)
    options = ReadOptions(1)
    first = [int(batch["id"].numpy()[0]) for batch in read_batches([shard], FRAME, options)]
    change(shard, other)
    second = []
    for batch in read_batches([shard], FRAME, options):
        number = int(batch["id"].numpy()[0])
        assert (batch["rgb"].numpy() == number).all()
        second.append(number)
    assert (first, second) == (list(range(10, 70)), list(range(30, 90)))


def test_descriptors_are_bounded_however_many_shards_and_data_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_files, "_OPEN", 8)
    shards = write_shards(tmp_path, numbered(100), 50)
    before = len(os.listdir("/proc/self/fd"))
    for sampled_frames in range(4):
        spec = dataclasses.replace(FRAME, sampled_frames=sampled_frames)
        for _ in read_batches(shards, spec, ReadOptions(100), seed=0):
            assert len(os.listdir("/proc/self/fd")) < before + 20


@pytest.mark.parametrize("record_index", [True, False])
@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("num_workers", [2, 3])
def test_workers_share_a_pass(tmp_path, record_index, seed, num_workers):
    shards = write_shards(tmp_path, numbered(62), 3)
    options = ReadOptions(batch_size=4, drop_remainder=True, record_index=record_index)
    whole = [batch["id"].numpy().tolist() for batch in read_batches(shards, FRAME, options, seed=seed)]
    shares = []
    for worker in range(num_workers):
        own = dataclasses.replace(options, num_workers=num_workers, worker=worker)
        shares.append([batch["id"].numpy().tolist() for batch in read_batches(shards, FRAME, own, seed=seed)])
        resumed = [batch["id"].numpy().tolist() for batch in read_batches(shards, FRAME, own, seed=seed, skip=2)]
        assert resumed == shares[-1][2:]
        assert shares[-1] == whole[worker::num_workers][: len(shares[-1])]
    if record_index:
        assert {len(share) for share in shares} == {len(whole) // num_workers}


def test_a_worker_copies_no_batch_of_another(tmp_path, monkeypatch):
    shards = write_shards(tmp_path, numbered(40), 2)
    mapped, copied = mapped_records(shards, FRAME), []
    monkeypatch.setattr(mapped, "_copy_all", lambda *arguments, f=mapped._copy_all: copied.append(1) or f(*arguments))
    assert len(list(read_batches(shards, FRAME, ReadOptions(4, num_workers=2, worker=1)))) == 5
    assert len(copied) == 5 * len(FRAME.names)


def test_a_changed_shard_is_read_as_it_is_now(tmp_path):
    shard = write_shard(tmp_path / "shard", numbered(3))
    assert len(list(read_batches([shard], FRAME, ReadOptions(1)))) == 3
    write_shard(shard, numbered(5))
    assert len(list(read_batches([shard], FRAME, ReadOptions(1)))) == 5


@pytest.mark.parametrize("seed", [None, 1])
def test_compressed_shards_are_parsed(tmp_path, seed):
    plain = write_shards(tmp_path, numbered(12), 2)
    packed = [path + ".gz" for path in plain]
    for path, target in zip(plain, packed, strict=True):
        pathlib.Path(target).write_bytes(gzip.compress(pathlib.Path(path).read_bytes()))
    expected = {batch["id"].numpy()[0]: batch for batch in read_batches(plain, FRAME, ReadOptions(1))}
    for shards in (packed, [packed[0], plain[1]]):
        batches = list(read_batches(shards, FRAME, ReadOptions(1), seed=seed))
        assert len(batches) == 12
        for batch in batches:
            assert_equal(batch, expected[batch["id"].numpy()[0]])


def counting_record(num_frames, video_id="abcd"):
    """A record whose bytes tell the number of their frame."""
    rows = np.arange(num_frames, dtype=np.uint8)[:, None]
    return frame_record(
        {name: rows * np.ones(size, np.uint8) for name, size in FRAME.size_by_name.items()}, [], video_id
    )


@pytest.mark.parametrize(
    "sampler, expected",
    [("uniform", [0, 4, 8, 12]), ("middle", [6, 7, 8, 9]), ("last", [12, 13, 14, 15]), ("every", [0, 4, 8, 12])],
)
@pytest.mark.parametrize("record_index", [True, False])
def test_only_the_sampled_frames_are_given(tmp_path, sampler, expected, record_index):
    shard = write_shard(tmp_path / "shard", [counting_record(20)])
    spec = dataclasses.replace(FRAME, max_frames=16, sampled_frames=4, frame_sampler=sampler)
    (batch,) = read_batches([shard], spec, ReadOptions(record_index=record_index))
    assert batch["num_frames"].numpy().tolist() == [4]
    assert batch["rgb"].numpy()[0, :, 0].tolist() == batch["audio"].numpy()[0, :, 2].tolist() == expected


def frames_by_id(shards, record_index=True, **place):
    """{id: numbers of the frames that were drawn}."""
    spec = dataclasses.replace(FRAME, max_frames=40, sampled_frames=5, frame_sampler="random")
    options = ReadOptions(batch_size=7, record_index=record_index)
    return {
        name: tuple(rgb[:, 0].tolist())
        for batch in read_batches(shards, spec, options, **place)
        for name, rgb in zip(batch["id"].numpy(), batch["rgb"].numpy(), strict=True)
    }


@pytest.mark.parametrize("record_index", [True, False])
def test_frames_are_drawn_anew_in_every_epoch_and_never_in_evaluation(tmp_path, record_index):
    shards = write_shards(tmp_path, [counting_record(40, str(n)) for n in range(30)], 3)
    evaluated = frames_by_id(shards, record_index)
    assert len(set(evaluated.values())) > 25
    assert frames_by_id(shards, record_index, epoch=1) == evaluated
    assert frames_by_id(shards[::-1], record_index) == evaluated
    passes = [frames_by_id(shards, record_index, seed=seed, epoch=epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for left, right in zip(passes, [*passes[1:], evaluated], strict=True):
        assert sum(left[name] == right[name] for name in left) < 3
    assert frames_by_id(shards, record_index, seed=0, epoch=1) == passes[1]


def test_both_roads_draw_the_same_frames_in_training(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_MOSTLY", 0)
    more = tf.train.SequenceExample(context=tf.train.Features(feature={"labels": integers([5])})).SerializeToString()
    # Every fourth record is one that the index cannot describe.
    records = [counting_record(n, str(n)) + (b"" if n % 4 else more) for n in range(45)]
    shards = write_shards(tmp_path, records, 3)
    for epoch in range(2):
        assert frames_by_id(shards, True, seed=4, epoch=epoch) == frames_by_id(shards, False, seed=4, epoch=epoch)


def test_a_resumed_pass_draws_the_same_frames(tmp_path):
    shards = write_shards(tmp_path, [counting_record(40, str(n)) for n in range(30)], 2)
    whole = frames_by_id(shards, seed=2, epoch=3)
    rest = frames_by_id(shards, seed=2, epoch=3, skip=2)
    assert len(rest) == 30 - 2 * 7
    assert rest == {name: whole[name] for name in rest}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_lengths_by_which_batches_are_made_are_those_of_the_videos(tmp_path, sampler):
    shards = write_shards(tmp_path, [counting_record(n) for n in range(20)], 1)
    spec = dataclasses.replace(FRAME, max_frames=16, sampled_frames=5, frame_sampler=sampler)
    mapped = mapped_records(shards, spec)
    np.testing.assert_array_equal(mapped.batch(np.arange(20))["num_frames"], mapped.num_frames)


@pytest.mark.parametrize("sampled_frames", [0, 4])
def test_a_file_smaller_than_a_frame_is_read(tmp_path, sampled_frames):
    spec = FeatureSpec(sizes=(1024, 128), num_classes=20, sampled_frames=sampled_frames)
    nothing = {name: np.zeros((0, size), np.uint8) for name, size in spec.size_by_name.items()}
    shard = write_shard(tmp_path / "shard", [frame_record(nothing, [1])])
    assert pathlib.Path(shard).stat().st_size < 1024
    (batch,) = read_batches([shard], spec)
    assert batch["rgb"].shape == (1, 0, 1024) and batch["labels"].numpy().tolist() == [[1]]


def test_the_parser_reads_sampled_frames_of_several_records_together():
    random = np.random.default_rng(0)
    spec = dataclasses.replace(FRAME, sampled_frames=3)
    records = [random_record(random, spec, str(i), ragged=True) for i in range(20)]
    together = parse_frames(tf.constant(records), spec, rows=3)
    for row, record in enumerate(records):
        alone = parse_frames(tf.constant([record]), spec, rows=3)
        for name in (*spec.names, "num_frames", "id"):
            np.testing.assert_array_equal(together[name][row], alone[name][0])
