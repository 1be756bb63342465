"""Bad input through the commands: one clear line on stderr, a status that is not 0, nothing half-written."""

import json
import os

import pytest
from commands import run_commands
from made_runs import (
    DATA_FLAGS,
    FRAME,
    frame_record,
    make_config,
    make_videos,
    train,
    video_record,
    write_shards,
)


def _outcomes(module, cases):
    """{case: (status, stderr)} of a command called with each of the command lines."""
    outcomes = run_commands(f"yt8m_distill.bin.{module}", cases)
    return {case: (status, err) for case, (status, _, err) in outcomes.items()}


def _assert_one_line(outcome, *words):
    status, text = outcome
    assert status not in (0, None)
    lines = text.splitlines()
    assert len(lines) == 1, text
    assert not [word for word in words if word not in lines[0]], lines[0]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folder of shards: good frame-level ones, video-level, rated and truncated ones, one with label 12 of 12."""
    folder = tmp_path_factory.mktemp("data")
    videos = make_videos(24)
    records = [frame_record(video) for video in videos]
    write_shards(folder, "good", records, shards=1)
    write_shards(folder, "video", [video_record(video) for video in videos], shards=1)
    late = type(videos[0])("late", videos[0].frames, (3, 12))
    write_shards(folder, "label", [*records, frame_record(late)], shards=1)
    write_shards(folder, "rated", [frame_record(video) for video in make_videos(24, rated=True)], shards=1)
    write_shards(folder, "truncated", records, shards=1)
    path = folder / "truncated0.tfrecord"
    path.write_bytes(path.read_bytes()[:-100])
    return folder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, data):
    """A run of FrameLevelLogistic with a checkpoint."""
    directory = tmp_path_factory.mktemp("run")
    train(make_config("FrameLevelLogistic", FRAME, max_steps=1), directory, [str(data / "good0.tfrecord")])
    return directory


@pytest.fixture(scope="module")
def other_run(run_dir, tmp_path_factory):
    """The same checkpoint under the config of another model."""
    directory = tmp_path_factory.mktemp("other")
    os.symlink(run_dir / "checkpoints", directory / "checkpoints")
    config = make_config("NeXtVLAD_tiny", FRAME).to_dict()
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def test_train(data, run_dir, tmp_path):
    base = ["--model=FrameLevelLogistic", "--batch_size=8", "--num_epochs=1", *DATA_FLAGS]

    def line(name, pattern, *flags):
        return [*base, f"--train_dir={tmp_path / name}", f"--train_data_pattern={pattern}", *flags]

    good, video, label, truncated = (data / f"{name}0.tfrecord" for name in ("good", "video", "label", "truncated"))
    outcomes = _outcomes(
        "train",
        {
            "none": line("none", ""),
            "missing": line("missing", data / "no*.tfrecord"),
            "directory": line("directory", data),
            "layout": line("layout", video),
            "size": line("size", good, "--feature_sizes=32,8"),
            "classes": line("classes", label, "--num_classes=2"),
            "model": line("model", good, "--model=NeXtVLAT"),
            "flag": line("flag", good, "--learning_rat=1"),
            "field": line("field", good, "--groups=4"),
            "number": line("number", good, "--batch_size=many"),
            "positional": line("positional", good, "extra"),
            "mismatch": line("mismatch", good, f"--train_dir={run_dir}", "--batch_size=4"),
            "truncated": line("truncated", truncated, "--num_epochs=2"),
            "label": line("label", label, "--num_epochs=2"),
            "batch": line("batch", good, "--batch_size=64"),
            "folder": line("folder", good, f"--train_dir={good}/run"),
            "loss": line("loss", good.with_name("rated0.tfrecord"), "--segment_labels", "--label_loss=HingeLoss"),
        },
    )
    _assert_one_line(outcomes["none"], "--train_data_pattern is empty")
    _assert_one_line(outcomes["missing"], f"--train_data_pattern={data}/no*.tfrecord", "no file matches")
    _assert_one_line(outcomes["directory"], f"{data} is a directory")
    _assert_one_line(outcomes["layout"], f"{video}: record 0", "video level", "expected frame level")
    _assert_one_line(outcomes["size"], f"{good}: record 0", "rgb has 16 bytes a frame, expected 32", "--feature_sizes")
    _assert_one_line(outcomes["classes"], f"{label}: record 0", "is not in 0..1", "--num_classes")
    _assert_one_line(outcomes["model"], "NeXtVLAT", "Did you mean NeXtVLAD")
    _assert_one_line(outcomes["flag"], "learning_rat")
    _assert_one_line(outcomes["field"], "FrameLevelLogistic has no --groups")
    _assert_one_line(outcomes["number"], "batch_size", "many")
    _assert_one_line(outcomes["positional"], "'extra'")
    _assert_one_line(outcomes["mismatch"], "batch_size=8", "batch_size=4")
    _assert_one_line(outcomes["truncated"], f"{truncated}: record 23", "damaged")
    _assert_one_line(outcomes["label"], f"{label}: record 24", "label 12 is not in 0..11", "--num_classes")
    _assert_one_line(outcomes["batch"], f"{good}", "--batch_size=64")
    _assert_one_line(outcomes["folder"], f"{good}/run: Not a directory")
    _assert_one_line(outcomes["loss"], "--label_loss=HingeLoss", "CrossEntropyLoss")
    # Those four failed after they began: a run directory without a checkpoint, which the right command takes over.
    assert sorted(os.listdir(tmp_path)) == ["batch", "label", "loss", "truncated"]
    assert not list(tmp_path.rglob("ckpt-*")) and not list(tmp_path.rglob("*.partial"))


def test_eval(data, run_dir, other_run, tmp_path):
    def line(checkpoint, name, *flags):
        return [f"--checkpoint={checkpoint}", f"--eval_data_pattern={data / name}", *flags]

    outcomes = _outcomes(
        "evaluate",
        {
            "none": line("", "good0.tfrecord"),
            "no run": line(tmp_path, "good0.tfrecord"),
            "other": line(other_run, "good0.tfrecord"),
            "truncated": line(run_dir, "truncated0.tfrecord"),
            "layout": line(run_dir, "video0.tfrecord"),
            "folder": line(run_dir, "good0.tfrecord", f"--per_class_csv={tmp_path}/no/classes.csv"),
            "average": line(run_dir, "good0.tfrecord", "--use_EMA"),
        },
    )
    _assert_one_line(outcomes["folder"], f"{tmp_path}/no/classes.csv cannot be written")
    _assert_one_line(outcomes["none"], "--checkpoint is empty")
    _assert_one_line(outcomes["average"], "holds no average of its weights")
    _assert_one_line(outcomes["no run"], f"{tmp_path} is no run directory")
    _assert_one_line(outcomes["other"], "ckpt-1 does not fit the NeXtVLAD_tiny", f"{other_run}/config.json")
    _assert_one_line(outcomes["truncated"], "truncated0.tfrecord: record 23", "damaged")
    _assert_one_line(outcomes["layout"], "video0.tfrecord: record 0", "expected frame level")
    assert not (run_dir / "eval").exists()


def test_inference(data, run_dir, other_run, tmp_path):
    def line(checkpoint, name, *flags):
        return [
            f"--checkpoint={checkpoint}",
            f"--input_data_pattern={data / name}",
            f"--output_file={tmp_path / 'out.csv'}",
            *flags,
        ]

    classes = tmp_path / "classes.csv"
    classes.write_text("Index\n3\n")
    segments = ["--segment_labels", f"--segment_label_ids_file={classes}"]
    outcomes = _outcomes(
        "infer",
        {
            "top_k": line(run_dir, "good0.tfrecord", "--top_k=13"),
            "folder": line(run_dir, "good0.tfrecord", "--top_k=2", f"--output_file={tmp_path}/no/out.csv"),
            "segments": line(run_dir, "truncated0.tfrecord", *segments, f"--output_file={tmp_path}/no/out.csv"),
            "truncated": line(run_dir, "truncated0.tfrecord", "--top_k=2"),
            "mixed": line(run_dir, "[lt]*0.tfrecord", "--top_k=2"),
            "whitelist": line(run_dir, "good0.tfrecord", "--top_k=2", "--segment_labels"),
            "other": line(other_run, "good0.tfrecord", "--top_k=2"),
            "average": line(run_dir, "good0.tfrecord", "--top_k=2", "--use_ema"),
        },
    )
    _assert_one_line(outcomes["top_k"], "--top_k=13", "1 to 12")
    _assert_one_line(outcomes["folder"], f"{tmp_path}/no/out.csv cannot be written")
    # What is written is looked at before what is read.
    _assert_one_line(outcomes["segments"], f"{tmp_path}/no/out.csv cannot be written")
    _assert_one_line(outcomes["truncated"], "truncated0.tfrecord: record 23", "damaged")
    # Labels are not read here: one that is past the classes, in an earlier shard, is not what is wrong.
    _assert_one_line(outcomes["mixed"], "truncated0.tfrecord: record 23", "damaged")
    _assert_one_line(outcomes["whitelist"], "--segment_label_ids_file")
    _assert_one_line(outcomes["other"], "ckpt-1 does not fit the NeXtVLAD_tiny")
    _assert_one_line(outcomes["average"], "holds no average of its weights")
    assert os.listdir(tmp_path) == ["classes.csv"]


def test_export(run_dir, other_run, tmp_path):
    def line(checkpoint, *flags):
        return [f"--checkpoint={checkpoint}", f"--output_dir={tmp_path / 'model'}", *flags]

    outcomes = _outcomes(
        "export",
        {
            "budget": line(run_dir, "--size_budget_mb=0.01"),
            "other": line(other_run),
            "no checkpoint": line(run_dir / "checkpoints" / "ckpt-9"),
            "nowhere": [f"--checkpoint={run_dir}"],
            "folder": line(run_dir, f"--output_dir={run_dir}/config.json/model"),
        },
    )
    _assert_one_line(outcomes["budget"], "over budget", "--size_budget_mb")
    _assert_one_line(outcomes["other"], "ckpt-1 does not fit the NeXtVLAD_tiny")
    _assert_one_line(outcomes["no checkpoint"], "ckpt-9: there is no such checkpoint")
    _assert_one_line(outcomes["nowhere"], "--output_dir is empty")
    _assert_one_line(outcomes["folder"], f"{run_dir}/config.json/model", "config.json is no folder")
    assert os.listdir(tmp_path) == []
