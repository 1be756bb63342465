import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from made_records import FRAME, SEGMENT, VIDEO, frame_record, random_frames, random_record, write_shards

from yt8m_distill.data.batches import model_inputs, view, with_random_positions
from yt8m_distill.data.pipeline import ReadOptions, read_batches
from yt8m_distill.errors import InputError
from yt8m_distill.spec import SAMPLERS, FeatureSpec, union

WHOLE = FeatureSpec(("rgb", "audio", "extra"), (8, 3, 4), 20, max_frames=16)
RGB = dataclasses.replace(WHOLE, names=("rgb",), sizes=(8,))
AUDIO = dataclasses.replace(WHOLE, names=("audio", "extra"), sizes=(3, 4))
SAMPLINGS = [(16, 0), (7, 0), (3, 5, "last"), *((n, 5, sampler) for n in (16, 7) for sampler in SAMPLERS)]


def sampled(spec, max_frames, count, sampler="uniform"):
    return dataclasses.replace(spec, max_frames=max_frames, sampled_frames=count, frame_sampler=sampler)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """{whether features of a record differ in length: shards}."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("views")
    made = {}
    for ragged in (False, True):
        (folder / str(ragged)).mkdir()
        records = [random_record(random, WHOLE, f"v{n}", ragged) for n in range(30)]
        made[ragged] = write_shards(folder / str(ragged), records, 2)
    return made


def assert_viewed(shards, spec, source, record_index, seed=None, epoch=0):
    """Views of batches read with `source` are the batches read with `spec`, in eager mode and in a graph."""
    options = ReadOptions(batch_size=10, record_index=record_index)
    direct = read_batches(shards, spec, options, seed=seed, epoch=epoch)
    batches = read_batches(shards, source, options, seed=seed, epoch=epoch)
    batches = batches.map(lambda batch: with_random_positions(batch, spec, seed, epoch))
    in_a_graph = tf.function(lambda batch: view(batch, spec, source), reduce_retracing=True)
    count = 0
    for expected, batch in zip(direct, batches, strict=True):
        batch.pop("id")
        for seen in (view(batch, spec, source), in_a_graph(batch)):
            assert_same(seen, model_inputs(expected, spec))
        count += 1
    assert count == 3


def assert_same(seen, expected):
    assert list(seen) == list(expected)
    for key, value in expected.items():
        assert seen[key].dtype == value.dtype
        np.testing.assert_array_equal(seen[key], value, err_msg=key)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_a_view_is_what_reading_gives_bit_for_bit(shards, sampling):
    assert_viewed(shards[True], sampled(WHOLE, *sampling), WHOLE, record_index=True)
    assert_viewed(shards[True], sampled(RGB, *sampling), WHOLE, record_index=True, seed=3, epoch=1)


@pytest.mark.parametrize("sampling", [(7, 0), (16, 5, "every"), (7, 5, "random")], ids=str)
def test_a_view_is_what_parsing_gives_bit_for_bit(shards, sampling):
    assert_viewed(shards[True], sampled(RGB, *sampling), WHOLE, record_index=False, seed=3, epoch=1)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_first_feature_is_viewed_where_features_are_equally_long(shards, sampler):
    student = sampled(AUDIO, 16, 4, sampler)
    assert_viewed(shards[False], student, WHOLE, True, seed=1, epoch=2)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_was_sampled_alike_is_not_sampled_again(shards, sampler):
    rgb, audio = (sampled(spec, 16, 4, sampler) for spec in (RGB, AUDIO))
    source = union([rgb, audio])
    assert source.sampled_frames == 4
    batch = next(iter(read_batches(shards[False], source, ReadOptions(4))))
    assert view(batch, rgb, source)["rgb"] is batch["rgb"]
    for spec in (rgb, audio):
        assert_viewed(shards[False], spec, source, True)


def test_a_teacher_and_its_students_share_a_batch(shards):
    students, teacher = [sampled(RGB, 16, 3), sampled(AUDIO, 9, 0)], sampled(WHOLE, 12, 0)
    source = union([*students, teacher])
    for spec in (*students, teacher):
        assert_viewed(shards[False], spec, source, True)


def test_whole_videos_are_cut_for_a_model_of_segments(shards):
    source = dataclasses.replace(WHOLE, level="segment")
    batch = next(iter(read_batches(shards[False], WHOLE, ReadOptions(10))))
    cut = sampled(RGB, 7, 0)
    assert batch["num_frames"].numpy().max() > 7
    assert_same(view(batch, dataclasses.replace(cut, level="segment"), source), view(batch, cut, WHOLE))


@pytest.mark.parametrize("spec", [VIDEO, SEGMENT])
def test_other_levels_are_viewed_feature_by_feature(tmp_path, spec):
    random = np.random.default_rng(0)
    records = [random_record(random, spec, str(n)) for n in range(6)]
    (source,) = read_batches(write_shards(tmp_path, records, 1), spec)
    for first, name in enumerate(spec.names):
        one = dataclasses.replace(spec, names=(name,), sizes=(spec.sizes[first],))
        seen = view(source, one, spec)
        assert list(seen) == ([name, "num_frames"] if spec.has_frames else [name])
        assert seen[name] is source[name]


def test_videos_without_frames_stay_without(tmp_path):
    nothing = frame_record(random_frames(np.random.default_rng(0), FRAME, 0))
    (batch,) = read_batches(write_shards(tmp_path, [nothing] * 3, 1), FRAME)
    for sampler in SAMPLERS:
        spec = sampled(FRAME, 8, 3, sampler)
        seen = view(with_random_positions(batch, spec), spec, FRAME)
        assert seen["rgb"].shape == (3, 0, 6) and seen["num_frames"].numpy().tolist() == [0, 0, 0]


@pytest.mark.parametrize("sampler", ["uniform", "random"])
def test_replicas_view_their_part_of_a_batch(shards, sampler):
    spec = sampled(RGB, 16, 4, sampler)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    options = ReadOptions(4, drop_remainder=True)
    batches = read_batches(shards[False], WHOLE, options, seed=1).map(
        lambda batch: with_random_positions(batch, spec, 1)
    )
    batches = batches.map(lambda batch: {key: batch[key] for key in batch if key != "id"})
    distributed = strategy.experimental_distribute_dataset(batches)

    @tf.function(input_signature=[distributed.element_spec])
    def step(batch):
        return strategy.run(view, args=(batch, spec, WHOLE))

    direct = read_batches(shards[False], spec, options, seed=1)
    for batch, expected in zip(distributed, direct, strict=True):
        seen = step(batch)
        assert seen["rgb"].shape[2] == 8
        assert_same(seen, model_inputs(expected, spec))


@pytest.mark.parametrize(
    "spec, source",
    [
        (WHOLE, RGB),
        (dataclasses.replace(RGB, sizes=(4,)), RGB),
        (sampled(RGB, 17, 0), RGB),
        (RGB, sampled(RGB, 16, 5)),
        (sampled(RGB, 16, 3), sampled(RGB, 16, 5)),
        (dataclasses.replace(RGB, level="segment"), RGB),
    ],
)
def test_what_cannot_be_viewed_is_an_error(spec, source):
    with pytest.raises(InputError, match="cannot be viewed as"):
        view({}, spec, source)


def test_random_frames_need_their_positions(shards):
    spec = sampled(RGB, 16, 5, "random")
    batch = next(iter(read_batches(shards[False], WHOLE, ReadOptions(4))))
    other = with_random_positions(batch, sampled(RGB, 16, 4, "random"))
    for lacking in (batch, other):
        with pytest.raises(InputError, match="no positions of 5 frames"):
            view(lacking, spec, WHOLE)
