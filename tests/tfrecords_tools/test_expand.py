"""Expanded data: labels and means stay what they are, frames vary as measured, runs continue, and the command."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import record_bytes
from tfrecords_tools.expanded_set import ExpandedSet
from tfrecords_tools.expanded_videos import FrameMaker, exact_codes, with_sums
from tfrecords_tools.record_text import record_text
from tfrecords_tools.synthetic_labels import draw_num_frames
from tfrecords_tools.synthetic_world import spread_of_means
from yt8m_distill.data.record_checks import check_shard, read_records
from yt8m_distill.errors import InputError
from yt8m_distill.spec import FeatureSpec

REPO = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("YT8M_SHARED_DATA", REPO.parent / "shared" / "data"))
REAL = FeatureSpec(("mean_rgb", "mean_audio"), (1024, 128), 3862, "video")
SMALL = FeatureSpec(("mean_rgb", "mean_audio"), (16, 4), 25, "video")
SMALL_FLAGS = ("--feature_sizes=16,4", "--num_classes=25", "--length_scale=0.1")
LOWEST, HIGHEST = -1.9921875, 2.0078125  # the values of the codes 0 and 255; real means reach both


def values(codes):
    return codes * (4 / 255) + 4 / 512 - 2


def real_like_means(count, spec=REAL, seed=0):
    """float32 (count, values): spread as in real records, from end to end of what 8 bits hold."""
    spread = np.concatenate([spread_of_means(name, size) for name, size in spec.size_by_name.items()])
    means = np.random.default_rng(seed).standard_normal((count, spec.size)) * spread
    return np.clip(means, LOWEST, HIGHEST).astype(np.float32)


def maker(spec=SMALL, **options):
    return FrameMaker(spec.names, spec.sizes, **options)


def deviation(frames, means):
    """The largest difference between the codes' mean and the code of the mean, times the number of frames."""
    codes = np.clip(exact_codes(means), 0, 255)
    return np.max(np.abs(frames.mean(axis=0, dtype=np.float64) - codes)) * len(frames)


def write_shards(directory, count=10, shards=2, spec=SMALL, **changes):
    """Video-level shards; the last record of the last shard differs by `changes`."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [str(directory / f"train{shard:04d}.tfrecord") for shard in range(shards)]
    means = np.split(real_like_means(count, spec), np.cumsum(spec.sizes)[:-1], axis=1)
    for path, numbers in zip(paths, np.array_split(np.arange(count), shards), strict=True):
        with tf.io.TFRecordWriter(path) as writer:
            for number in numbers.tolist():
                features = {"id": b"%04d" % number, "labels": np.array([number % 25, 3])}
                features |= {name: part[number] for name, part in zip(spec.names, means, strict=True)}
                features |= changes if number == count - 1 else {}
                writer.write(record_bytes.example({key: value for key, value in features.items() if value is not None}))
    return paths


def expand(shards, output_dir, num_videos=None, overwrite=False, seed=0, spec=SMALL, **lengths):
    """Returns (paths written, paths that were complete, totals)."""
    lengths = {"length_scale": 0.1} | lengths
    folder = ExpandedSet(str(output_dir), spec, maker(spec, seed=seed, **lengths), {"seed": seed} | lengths)
    to_write, complete = folder.plan(shards, num_videos, overwrite)
    totals = [folder.write(shard) for shard in to_write]
    return [shard.path for shard in to_write], [shard.path for shard in complete], np.sum(totals, axis=0)


def contents(directory):
    return {path.name: path.read_bytes() for path in pathlib.Path(directory).iterdir()}


def videos_of(directory):
    """{id: (labels, {feature: uint8 (frames, size)})} of all shards in a folder."""
    videos = {}
    for path in sorted(pathlib.Path(directory).glob("*.tfrecord")):
        for _, record in read_records(str(path)):
            message = tf.train.SequenceExample.FromString(record)
            context = message.context.feature
            videos[context["id"].bytes_list.value[0]] = (
                list(context["labels"].int64_list.value),
                {
                    name: np.stack([np.frombuffer(frame.bytes_list.value[0], np.uint8) for frame in frames.feature])
                    for name, frames in message.feature_lists.feature_list.items()
                },
            )
    return videos


@pytest.fixture(scope="module")
def maker_of_real_size():
    return maker(REAL)


def test_the_frames_mean_is_the_records_to_half_a_code_over_all_frames(maker_of_real_size):
    for number, means in enumerate(real_like_means(40)):
        frames = maker_of_real_size.frames(b"%04d" % number, means)
        assert deviation(frames, means) <= 0.5 + 1e-6
        assert np.max(np.abs(values(frames).mean(axis=0) - means)) <= 2 / 255 / len(frames) + 1e-6


@pytest.mark.parametrize("lengths", [{}, {"max_frames": 1}, {"max_frames": 2}, {"length_scale": 3, "max_frames": 900}])
def test_means_at_the_ends_of_the_range_are_kept(lengths):
    near = [0, 1e-4, 0.004, 0.02, 0.1, 0.3, 0.6, 1]
    means = np.float32([LOWEST + step for step in near] + [HIGHEST - step for step in near] + [0, 0.5, -0.5, 1])
    for spec in (FeatureSpec(("mean_rgb",), (20,), level="video"), FeatureSpec(("mean_audio",), (20,), level="video")):
        at_the_ends = maker(spec, **lengths)
        for number in range(20):
            frames = at_the_ends.frames(b"%d" % number, means)
            assert deviation(frames, means) <= 0.5 + 1e-6


def test_a_video_of_one_frame_is_its_mean_rounded():
    means = real_like_means(1, SMALL)[0]
    frames = maker(max_frames=1).frames(b"abcd", means)
    np.testing.assert_array_equal(frames, np.rint(exact_codes(means))[np.newaxis])


def test_means_past_what_8_bits_hold_get_frames_at_that_end():
    means = np.float32([-9, 9] * 10)
    frames = maker().frames(b"abcd", means)
    assert np.all(frames[:, ::2] == 0) and np.all(frames[:, 1::2] == 255)


def shifted_one_by_one(column, total):
    """The definition: all rows shifted alike, then one row after the other by one more, until the sum is right."""
    low = -int(column.max())
    while np.clip(column + low + 1, 0, 255).sum() <= total and low < 600:
        low += 1
    codes = column + low
    for row in range(len(codes)):
        if np.clip(codes, 0, 255).sum() < total and 0 <= codes[row] < 255:
            codes[row] += 1
    return np.clip(codes, 0, 255)


@pytest.mark.parametrize("rows", [1, 2, 7, 300])
def test_columns_are_shifted_until_their_clipped_sum_is_right(rows):
    random = np.random.default_rng(rows)
    shape = rows, 60
    columns = random.normal(0, 60, shape) + random.choice([0, 300, -200], shape, p=[0.8, 0.1, 0.1])
    columns, sums = np.rint(columns).astype(np.int16), random.integers(0, 255 * rows + 1, 60).astype(np.int32)
    sums[:4] = 0, 255 * rows, 1, 255 * rows - 1
    expected = [shifted_one_by_one(column.astype(int), total) for column, total in zip(columns.T, sums, strict=True)]
    codes = with_sums(columns.copy(), sums)
    np.testing.assert_array_equal(codes.sum(axis=0), sums)
    np.testing.assert_array_equal(codes, np.transpose(expected))


def test_frames_vary_as_measured(maker_of_real_size):
    means = real_like_means(120)
    frames = [values(maker_of_real_size.frames(b"%04d" % number, row)) for number, row in enumerate(means)]
    for feature, within, total in ((slice(0, 1024), 0.786, 1), (slice(1024, None), 1, 1.47)):
        parts = [frame[:, feature] for frame in frames]
        assert abs(np.mean([part.var(axis=0) for part in parts]) - within) < 0.03
        variance = np.mean(np.concatenate(parts) ** 2, axis=0)
        assert abs(variance.mean() - total) < 0.04
        found = [
            np.mean(np.mean(np.concatenate([part[lag:] * part[:-lag] for part in parts]), axis=0) / variance)
            for lag in (1, 2, 3, 5, 9)
        ]
        np.testing.assert_allclose(found, [0.53, 0.46, 0.43, 0.40, 0.35], atol=0.035)


def test_within_variance_rises_along_the_dimensions_as_that_of_the_means_falls(maker_of_real_size):
    frames = [maker_of_real_size.frames(b"%04d" % number, row) for number, row in enumerate(real_like_means(60))]
    within = np.mean([values(frame).var(axis=0) for frame in frames], axis=0)
    expected = 1 - spread_of_means("rgb", 1024) ** 2
    np.testing.assert_allclose(within[:1024].reshape(16, 64).mean(axis=1), expected.reshape(16, 64).mean(1), atol=0.05)
    np.testing.assert_allclose(within[[1024, 1044, 1087, 1151]], [0.17, 0.65, 1.06, 1.54], rtol=0.2)


def test_lengths_are_distributed_as_real_ones():
    one_value = maker(FeatureSpec(("mean_rgb",), (1,), level="video"))
    found = [len(one_value.frames(b"%04d" % number, np.zeros(1, np.float32))) for number in range(2000)]
    expected = draw_num_frames(np.random.default_rng(0), 20000)
    np.testing.assert_allclose(np.quantile(found, [0.05, 0.25, 0.5]), np.quantile(expected, [0.05, 0.25, 0.5]), atol=8)
    assert max(found) == 300 and abs(np.mean(found) - expected.mean()) < 5


def test_lengths_can_be_scaled_and_bounded():
    zeros = np.zeros(20, np.float32)
    short = maker(length_scale=0.2, min_frames=30, max_frames=50)
    found = [len(short.frames(b"%04d" % number, zeros)) for number in range(200)]
    assert (min(found), max(found)) == (30, 50)


def test_the_same_video_and_seed_give_the_same_bytes_on_every_machine():
    means = real_like_means(8, SMALL)
    frames = [maker().frames(b"%04d" % number, row) for number, row in enumerate(means)]
    digest = hashlib.sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()
    assert digest == "fad7b5b63e1884c95d08cc04c0bbbbe0776095d4fabbd8f9bd676fa2f694344b"


def test_another_id_or_seed_gives_other_frames():
    means = np.zeros(20, np.float32)
    one = maker().frames(b"abcd", means)
    np.testing.assert_array_equal(one, maker().frames(b"abcd", means))
    for other in (maker().frames(b"abce", means), maker(seed=1).frames(b"abcd", means)):
        rows = min(len(one), len(other))
        assert np.mean(one[:rows] == other[:rows]) < 0.1


def test_shards_become_shards_of_the_same_names_ids_and_labels(tmp_path):
    shards = write_shards(tmp_path / "video", 10, 3)
    written, complete, totals = expand(shards, tmp_path / "expanded")
    assert sorted(contents(tmp_path / "expanded")) == ["expanded.json", *(os.path.basename(path) for path in shards)]
    reports = [check_shard(path, FeatureSpec(("rgb", "audio"), (16, 4), 25)) for path in written]
    assert [report.problems for report in reports] == [()] * 3 and complete == []
    assert [report.ids for report in reports] == [check_shard(path, SMALL).ids for path in shards]
    videos = videos_of(tmp_path / "expanded")
    assert [labels for labels, _ in videos.values()] == [[number, 3] for number in range(10)]
    assert totals.tolist() == [10, sum(r.frames for r in reports), sum(os.path.getsize(path) for path in written), 0]
    for (_, frames), means in zip(videos.values(), real_like_means(10, SMALL), strict=True):
        assert deviation(np.concatenate([frames["rgb"], frames["audio"]], axis=1), means) <= 0.5 + 1e-6


def test_the_records_are_shown_in_words(tmp_path):
    written, _, _ = expand(write_shards(tmp_path / "video"), tmp_path / "expanded")
    text = record_text(next(read_records(written[0]))[1])
    assert "frame" in text and "rgb" in text and "0000" in text


def test_frames_depend_on_the_video_not_on_the_files(tmp_path):
    expand(write_shards(tmp_path / "a" / "video", 10, 1), tmp_path / "a" / "expanded")
    expand(write_shards(tmp_path / "b" / "video", 10, 4)[::-1], tmp_path / "b" / "expanded")
    one, other = videos_of(tmp_path / "a" / "expanded"), videos_of(tmp_path / "b" / "expanded")
    assert one.keys() == other.keys()
    for video_id, (_, frames) in one.items():
        np.testing.assert_array_equal(frames["rgb"], other[video_id][1]["rgb"])


def test_a_part_takes_the_first_videos_of_every_shard(tmp_path):
    shards = write_shards(tmp_path / "video", 30, 3)
    expand(shards, tmp_path / "expanded", num_videos=7)
    ids = list(videos_of(tmp_path / "expanded"))
    assert ids == [b"0000", b"0001", b"0010", b"0011", b"0020", b"0021", b"0022"]


def test_a_part_smaller_than_the_number_of_shards_leaves_shards_out(tmp_path):
    written, _, totals = expand(write_shards(tmp_path / "video", 9, 3), tmp_path / "expanded", num_videos=2)
    assert len(written) == 2 and totals[0] == 2


def test_videos_without_labels_stay_without(tmp_path):
    expand(write_shards(tmp_path / "video", 1, 1, labels=None), tmp_path / "expanded")
    assert videos_of(tmp_path / "expanded")[b"0000"][0] == []


def test_packed_shards_are_read(tmp_path):
    (path,) = write_shards(tmp_path / "plain", 3, 1)
    packed = tmp_path / "train0000.tfrecord.gz"
    with tf.io.TFRecordWriter(str(packed), "GZIP") as writer:
        for _, record in read_records(path):
            writer.write(record)
    expand([path], tmp_path / "one")
    written, _, _ = expand([str(packed)], tmp_path / "other")
    assert os.path.basename(written[0]) == "train0000.tfrecord"
    assert pathlib.Path(written[0]).read_bytes() == (tmp_path / "one" / "train0000.tfrecord").read_bytes()


def test_a_run_continues_where_another_one_stopped(tmp_path):
    shards = write_shards(tmp_path / "video", 12, 3)
    expand(shards, tmp_path / "at_once")
    folder = ExpandedSet(str(tmp_path / "expanded"), SMALL, maker(length_scale=0.1), {"seed": 0, "length_scale": 0.1})
    to_write, _ = folder.plan(shards)
    folder.write(to_write[0])
    with pytest.raises(KeyboardInterrupt):
        folder.write(to_write[1], interrupted)
    assert sorted(contents(tmp_path / "expanded")) == ["expanded.json", "train0000.tfrecord"]
    written, complete, _ = expand(shards, tmp_path / "expanded")
    assert (len(written), len(complete)) == (2, 1)
    assert contents(tmp_path / "expanded") == contents(tmp_path / "at_once")


def interrupted():
    raise KeyboardInterrupt


def test_complete_shards_are_written_again_only_when_told(tmp_path):
    shards = write_shards(tmp_path / "video")
    expand(shards, tmp_path / "expanded")
    before = contents(tmp_path / "expanded")
    assert expand(shards, tmp_path / "expanded")[0] == []
    assert len(expand(shards, tmp_path / "expanded", overwrite=True)[0]) == 2
    assert contents(tmp_path / "expanded") == before


def test_shards_of_other_settings_are_not_mixed(tmp_path):
    shards = write_shards(tmp_path / "video")
    expand(shards, tmp_path / "expanded")
    before = contents(tmp_path / "expanded")
    with pytest.raises(InputError, match=r"2 shards expanded with --seed=0, now it is --seed=1"):
        expand(shards, tmp_path / "expanded", seed=1)
    with pytest.raises(InputError, match=r"expanded with --length_scale=0.1, now it is --length_scale=0.2"):
        expand(shards[:1], tmp_path / "expanded", overwrite=True, length_scale=0.2)
    assert contents(tmp_path / "expanded") == before  # nothing was removed
    assert len(expand(shards, tmp_path / "expanded", seed=1, overwrite=True)[0]) == 2


def test_shards_of_other_videos_are_not_taken_for_complete(tmp_path):
    shards = write_shards(tmp_path / "video")
    expand(shards, tmp_path / "expanded", num_videos=4)
    with pytest.raises(
        InputError, match=r"train0000.tfrecord is there, listed with 2 videos .* 5 videos are asked for"
    ):
        expand(shards, tmp_path / "expanded")
    shutil.copy(shards[0], tmp_path / "train0000.tfrecord")
    with pytest.raises(InputError, match=r"train0000.tfrecord is there, not listed in expanded.json"):
        expand(shards, tmp_path)


def test_sources_are_never_written_over(tmp_path):
    shards = write_shards(tmp_path / "video")
    before = contents(tmp_path / "video")
    with pytest.raises(InputError, match="choose another folder"):
        expand(shards, tmp_path / "video", overwrite=True)
    other = write_shards(tmp_path / "other")
    with pytest.raises(InputError, match="have the same name"):
        expand(shards + other, tmp_path / "expanded")
    assert contents(tmp_path / "video") == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean_rgb": None}, "it has no feature 'mean_rgb' (it has mean_audio)"),
        ({"mean_audio": np.zeros(5, np.float32)}, "mean_audio has 5 floats, expected 4"),
        ({"mean_rgb": np.full(16, np.nan, np.float32)}, "mean_rgb has 16 values that are NaN or infinite"),
        ({"labels": np.array([25])}, "label 25 is not in 0..24"),
        ({"id": None}, "it has no id"),
    ],
)
def test_a_record_that_does_not_fit_is_one_clear_line(tmp_path, changes, words):
    shards = write_shards(tmp_path / "video", 10, 2, **changes)
    with pytest.raises(InputError) as caught:
        expand(shards, tmp_path / "expanded")
    assert str(caught.value).startswith(f"{shards[1]}: record 4: {words}") and "\n" not in str(caught.value)
    assert sorted(contents(tmp_path / "expanded")) == ["expanded.json", "train0000.tfrecord"]


def test_frame_level_records_are_refused(tmp_path):
    written, _, _ = expand(write_shards(tmp_path / "video"), tmp_path / "expanded")
    with pytest.raises(
        InputError, match=r"record 0: it is frame level \(audio: 4 bytes a frame, rgb: 16 bytes a frame\)"
    ):
        expand(written, tmp_path / "again")


@pytest.mark.parametrize("text", ['{"note": 1', "[]", '{"shards": {}}'])
def test_a_list_that_cannot_be_read_is_one_clear_line(text, tmp_path):
    (tmp_path / "expanded").mkdir()
    (tmp_path / "expanded" / "expanded.json").write_text(text)
    with pytest.raises(InputError, match=r"expanded\.json is no list of expanded shards"):
        expand(write_shards(tmp_path / "video"), tmp_path / "expanded")


def test_damaged_shards_are_refused(tmp_path):
    shards = [pathlib.Path(path) for path in write_shards(tmp_path / "video")]
    shards[1].write_bytes(shards[1].read_bytes()[:-7])
    with pytest.raises(InputError, match=r"train0001.tfrecord: record 4: the file is damaged"):
        expand(list(map(str, shards)), tmp_path / "expanded")
    shards[1].write_bytes(b"")
    with pytest.raises(InputError, match=r"train0001.tfrecord: it holds no records"):
        expand(list(map(str, shards)), tmp_path / "expanded")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real records in {SHARED}; YT8M_SHARED_DATA names another folder")
def test_real_means_and_labels_are_kept(tmp_path):
    source = min(map(str, (SHARED / "yt8m_video_level" / "validate").iterdir()))
    expand([source], tmp_path, num_videos=40, spec=REAL)
    videos = videos_of(tmp_path)
    assert len(videos) == 40
    for _, record in read_records(source, 40):
        feature = tf.train.Example.FromString(record).features.feature
        labels, frames = videos[feature["id"].bytes_list.value[0]]
        assert labels == list(feature["labels"].int64_list.value)
        for name in ("rgb", "audio"):
            means = np.float32(feature[f"mean_{name}"].float_list.value)
            assert deviation(frames[name], means) <= 0.5 + 1e-6


def run(*arguments):
    command = [sys.executable, "-m", "tfrecords_tools.expand", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True)


def test_the_command_writes_a_set_and_says_what(tmp_path):
    write_shards(tmp_path / "video")
    done = run(f"--input_data_pattern={tmp_path}/video/*.tfrecord", f"--output_dir={tmp_path}/expanded", *SMALL_FLAGS)
    assert done.returncode == 0, done.stderr
    assert "10 videos expanded into 2 shards" in done.stdout and "frames (" in done.stdout
    assert "the frames around the means are made" in (tmp_path / "expanded" / "expanded.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input_data_pattern=x"], "--output_dir is missing"),
        (["--output_dir=x"], "--input_data_pattern is missing"),
        (["--input_data_pattern=x", "--output_dir=x", "--feature_sizes=8,a"], "whole numbers"),
        (
            ["--input_data_pattern=x", "--output_dir=x", "--min_frames=9", "--max_frames=8"],
            "--min_frames=9 is more than --max_frames=8",
        ),
    ],
)
def test_the_command_refuses_flags_that_do_not_fit(arguments, words):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_help_says_what_is_real_and_what_is_made_without_tensorflow():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['expand', '--help']\n"
        "try:\n"
        "    runpy.run_module('tfrecords_tools.expand', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "assert 'tensorflow' not in sys.modules and 'numpy' not in sys.modules\n"
        "print('ended well')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert "ended well" in done.stdout, done.stderr
    for words in ('"expanded" data', "What is real", "What is made", "--length_scale", "--overwrite"):
        assert words in done.stdout
