"""The synthetic set: the measured facts of the real one, the three layouts, and the command."""

import dataclasses
import hashlib
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import record_bytes, synthetic_set
from tfrecords_tools.synthetic_labels import LabelSampler, class_shares, draw_num_frames
from tfrecords_tools.synthetic_videos import VideoDrawer
from tfrecords_tools.synthetic_world import World
from yt8m_distill.data.record_checks import check_shard, describe_record
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

REPO = pathlib.Path(__file__).resolve().parents[2]
SMALL = {"names": ("rgb", "audio"), "sizes": (16, 4), "num_classes": 25}


def drawn(count=8, world=None, **options):
    return list(VideoDrawer(world or World(**SMALL), **options).draw(count))


def values(codes):
    return codes * np.float32(4 / 255) + np.float32(4 / 512 - 2)


@pytest.fixture(scope="module")
def label_sets():
    return LabelSampler(3862, np.random.default_rng(0)).draw(np.random.default_rng(1), 20000)


@pytest.fixture(scope="module")
def real_size():
    return drawn(250, World())


def test_labels_per_video_are_distributed_as_in_the_real_set(label_sets):
    counts = np.array([len(labels) for labels in label_sets])
    assert abs(counts.mean() - 3.01) < 0.06
    assert abs(counts.std() - 1.88) < 0.1
    assert counts.max() <= 20
    np.testing.assert_allclose(np.bincount(counts)[1:6] / len(counts), [0.246, 0.226, 0.187, 0.154, 0.089], atol=0.012)
    assert all(len(set(labels)) == len(labels) for labels in label_sets)


def test_class_frequencies_fall_with_rank_as_in_the_real_set(label_sets):
    found = np.bincount(np.concatenate(label_sets), minlength=3862) / len(label_sets)
    np.testing.assert_allclose(found[:10], class_shares(3862)[:10], rtol=0.2)
    shares = np.cumsum(np.sort(found)[::-1]) / found.sum()
    assert abs(shares[9] - 0.29) < 0.03
    assert abs(shares[99] - 0.61) < 0.03
    assert abs(shares[999] - 0.90) < 0.03


def test_the_first_two_classes_go_together(label_sets):
    first = {i for i, labels in enumerate(label_sets) if 0 in labels}
    second = {i for i, labels in enumerate(label_sets) if 1 in labels}
    assert abs(len(first & second) / len(first) - 0.617) < 0.08
    assert abs(len(first & second) / len(second) - 0.906) < 0.08


@pytest.mark.parametrize("num_classes", [1, 2, 5, 25, 5000])
def test_labels_are_drawn_for_any_number_of_classes(num_classes):
    sets = LabelSampler(num_classes, np.random.default_rng(0)).draw(np.random.default_rng(1), 200)
    assert {len(labels) for labels in sets} <= set(range(1, min(num_classes, 20) + 1))
    assert min(map(min, sets)) >= 0 and max(map(max, sets)) < num_classes


def test_every_video_has_a_label_even_where_all_candidates_bring_a_parent():
    sampler = LabelSampler(3862, np.random.default_rng(0))
    children = np.flatnonzero(sampler.parents >= 0)
    sampler._cumulative = np.cumsum(np.isin(np.arange(3862), children) / len(children))
    assert all(sampler.draw(np.random.default_rng(1), 2000))


def test_lengths_have_the_real_quantiles():
    frames = draw_num_frames(np.random.default_rng(0), 20000)
    np.testing.assert_allclose(np.quantile(frames, [0.05, 0.25, 0.5]), [129, 173, 234], atol=3)
    assert frames.min() >= 119 and frames.max() == 300
    assert abs(frames.mean() - 229.4) < 3
    assert abs(np.mean(frames == 300) - 0.29) < 0.02


def test_lengths_can_be_scaled_and_bounded():
    frames = draw_num_frames(np.random.default_rng(0), 2000, length_scale=0.1, min_frames=14, max_frames=25)
    assert (frames.min(), frames.max()) == (14, 25)


def test_video_means_are_spread_as_in_the_real_set(real_size):
    means = {name: np.array([values(v.frames[name]).mean(axis=0) for v in real_size]) for name in ("rgb", "audio")}
    rgb, audio = means["rgb"].std(axis=0), means["audio"].std(axis=0)
    assert abs(rgb.mean() - 0.461) < 0.03
    assert abs(audio.mean() - 0.685) < 0.05
    assert rgb[:16].mean() > 1.3 * rgb[-16:].mean()
    assert audio[:8].mean() > 1.15 * audio[-8:].mean()
    assert abs(means["rgb"].mean()) < 0.05


@pytest.mark.parametrize("name", ["rgb", "audio"])
def test_frames_are_whitened_clipped_and_correlated_in_time(real_size, name):
    frames = [values(video.frames[name]) for video in real_size]
    variance = np.mean([np.mean(x**2) for x in frames])
    assert 0.8 < variance < 1.1
    assert 0.01 < np.mean([np.mean((v.frames[name] == 0) | (v.frames[name] == 255)) for v in real_size]) < 0.15
    lags = [np.mean([np.mean(x[lag:] * x[:-lag]) for x in frames]) / variance for lag in (1, 2, 3, 5, 9, 30)]
    assert np.all(np.diff(lags) < 0)
    assert 0.4 < lags[0] < 0.85 and lags[-1] > 0.15


def test_more_frames_show_more_of_the_labels(real_size):
    def seen(count):
        def picked(shown):
            return shown[np.arange(count) * len(shown) // count].tolist()

        return np.mean([len(set(v.labels) & set(picked(v.shown))) / len(v.labels) for v in real_size])

    assert seen(1) < 0.75 * seen(3)
    assert seen(3) < 0.85 * seen(30)
    assert seen(100) > 0.9


def test_frames_that_show_a_class_look_like_it():
    world = World(("rgb",), (256,), 25)
    looks = world.looks / np.linalg.norm(world.looks, axis=1, keepdims=True)
    for video in drawn(20, world):
        scores = values(video.frames["rgb"]) @ looks.T
        for label in set(video.labels) & set(video.shown.tolist()):
            others = scores[video.shown == -1, label]
            if len(others):
                assert scores[video.shown == label, label].mean() > others.mean()


def test_the_same_seeds_give_the_same_bytes_on_every_machine():
    digest = hashlib.sha256(b"".join(synthetic_set.serialize(video) for video in drawn(20))).hexdigest()
    assert digest == hashlib.sha256(b"".join(synthetic_set.serialize(video) for video in drawn(20))).hexdigest()
    assert digest == "217f4bd5b4cd594ff967b40d680c4b209ac6a143e2c6b30103ee2f7201aed98d"


def test_splits_and_seeds_share_a_world_but_no_video():
    one, other, third = drawn(), drawn(split="validate"), drawn(seed=1)
    ids = [video.id for video in one + other + third]
    assert len(set(ids)) == len(ids)
    assert not np.array_equal(one[0].frames["rgb"][:50], other[0].frames["rgb"][:50])
    assert np.array_equal(World(**SMALL).looks, World(**SMALL).looks)
    assert not np.array_equal(World(**SMALL).looks, World(**SMALL, seed=1).looks)


def test_a_larger_set_begins_with_the_smaller_one():
    assert [video.id for video in drawn(300)][:5] == [video.id for video in drawn(5)]
    np.testing.assert_array_equal(drawn(300)[4].frames["rgb"], drawn(5)[4].frames["rgb"])


def test_bytes_are_what_the_protocol_buffer_library_writes():
    rows = np.random.default_rng(0).integers(0, 256, (3, 200), np.uint8)
    context = {"id": b"abcd", "labels": np.array([1, 300, -1]), "score": np.array([0.5, -2], np.float32)}
    serialized = record_bytes.sequence_example(context, {"rgb": rows, "none": rows[:0]})
    message = tf.train.SequenceExample.FromString(serialized)
    assert list(message.context.feature["labels"].int64_list.value) == [1, 300, -1]
    assert list(message.context.feature["score"].float_list.value) == [0.5, -2.0]
    assert message.context.feature["id"].bytes_list.value == [b"abcd"]
    frames = message.feature_lists.feature_list["rgb"].feature
    assert [frame.bytes_list.value[0] for frame in frames] == [row.tobytes() for row in rows]
    assert len(message.feature_lists.feature_list["none"].feature) == 0
    message.DiscardUnknownFields()
    assert len(message.SerializeToString()) == len(serialized)
    example = tf.train.Example.FromString(record_bytes.example(context))
    assert list(example.features.feature["score"].float_list.value) == [0.5, -2.0]


def test_the_stride_of_real_records_is_kept():
    video = drawn(1, World())[0]
    record = synthetic_set.serialize(video)
    first = record.index(video.frames["rgb"][0].tobytes())
    assert record.index(video.frames["rgb"][1].tobytes()) == first + 1033
    first = record.index(video.frames["audio"][0].tobytes())
    assert record.index(video.frames["audio"][1].tobytes()) == first + 137


@pytest.mark.parametrize("level", ["frame", "video", "segment"])
@pytest.mark.parametrize(("names", "sizes"), [(("rgb", "audio"), (16, 4)), (("audio_embedding",), (128,))])
def test_a_written_set_is_clean(tmp_path, level, names, sizes):
    videos = drawn(20, World(names, sizes, 25), length_scale=0.1)
    summary = synthetic_set.write_set(videos, 20, str(tmp_path), "train", 3, level)
    expected = tuple(f"mean_{name}" for name in names) if level == "video" else names
    reports = [check_shard(path, FeatureSpec(expected, sizes, 25, level)) for path in summary.paths]
    assert [report.problems for report in reports] == [()] * 3
    assert [report.records for report in reports] == [6, 7, 7]
    assert summary.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert summary.labels == sum(len(video.labels) for video in videos)
    assert summary.frames == sum(len(video.shown) for video in videos)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"train{i:04d}.tfrecord" for i in range(3)]
    assert [name for report in reports for name in report.ids] == [video.id for video in videos]


def test_video_level_holds_the_means_of_the_frames():
    video = drawn(1)[0]
    message = tf.train.Example.FromString(synthetic_set.serialize(video, "video"))
    found = message.features.feature["mean_rgb"].float_list.value
    np.testing.assert_allclose(found, values(video.frames["rgb"]).mean(axis=0), atol=1e-5)


def test_a_segment_is_rated_by_what_most_of_its_frames_show():
    scores = []
    for video in drawn(40):
        segments = describe_record(synthetic_set.serialize(video, "segment")).segments
        for start, label, score in zip(*dataclasses.astuple(segments), strict=True):
            assert start % 5 == 0 and label in video.labels
            assert score == (np.sum(video.shown[start : start + 5] == label) >= 3)
            scores.append(score)
    assert 0.05 < np.mean(scores) < 0.95


def test_an_earlier_set_is_kept_unless_told(tmp_path):
    synthetic_set.write_set(drawn(4), 4, str(tmp_path), num_shards=4)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"4 shards named train\*\.tfrecord already.*--overwrite"):
        synthetic_set.write_set(drawn(4, seed=1), 4, str(tmp_path), num_shards=2)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    synthetic_set.write_set(drawn(4), 4, str(tmp_path), "validate", num_shards=1)
    synthetic_set.write_set(drawn(4, seed=1), 4, str(tmp_path), num_shards=2, overwrite=True)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["train0000.tfrecord", "train0001.tfrecord", "validate0000.tfrecord"]
    assert (tmp_path / "train0000.tfrecord").read_bytes() != before["train0000.tfrecord"]


def test_an_interrupted_set_leaves_nothing(tmp_path):
    def interrupted():
        yield from drawn(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthetic_set.write_set(interrupted(), 10, str(tmp_path), num_shards=5)
    assert list(tmp_path.iterdir()) == []


def test_more_shards_than_videos_are_refused(tmp_path):
    with pytest.raises(InputError, match="--num_shards=3 for --num_videos=2"):
        synthetic_set.write_set(drawn(2), 2, str(tmp_path), num_shards=3)


def run(*arguments):
    command = [sys.executable, "-m", "tfrecords_tools.synthesize", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True)


def test_the_command_writes_a_set_and_says_what(tmp_path):
    done = run(
        f"--output_dir={tmp_path}", "--num_videos=10", "--num_shards=2", "--feature_sizes=8,2", "--split=validate"
    )
    assert done.returncode == 0, done.stderr
    assert "10 videos at frame level in 2 shards" in done.stdout and "labels a video" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["validate0000.tfrecord", "validate0001.tfrecord"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--output_dir is missing"),
        (["--output_dir=x", "--feature_sizes=8"], "2 features"),
        (["--output_dir=x", "--feature_sizes=8,a"], "whole numbers"),
        (["--output_dir=x", "--min_frames=9", "--max_frames=8"], "--min_frames=9 is more than --max_frames=8"),
        (["--output_dir=x", "--num_videos=0"], "num_videos"),
    ],
)
def test_the_command_refuses_flags_that_do_not_fit(arguments, words):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["synthesize", "show", "verify"])
def test_help_answers_without_tensorflow(name):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['{name}', '--help']\n"
        "try:\n"
        f"    runpy.run_module('tfrecords_tools.{name}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "assert 'tensorflow' not in sys.modules\n"
        "print('ended well')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert "ended well" in done.stdout, done.stderr
    assert f"python -m tfrecords_tools.{name}" in done.stdout and "  --" in done.stdout
