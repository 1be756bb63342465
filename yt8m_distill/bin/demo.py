"""The whole road on made data: records, training, evaluation, submission, export, budget. About two minutes.

  python -m yt8m_distill.bin.demo --output_dir=runs/demo

Writes frame-level TFRecords in YouTube-8M's layout, trains a small NeXtVLAD, evaluates it, writes a Kaggle submission,
exports a SavedModel and checks it against the 1 GB budget. Every step is a command of this project, printed before it
runs, to be typed again on data of your own. The records are made, so the figures say nothing about real videos.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_string("output_dir", os.path.join("runs", "demo"), "Where everything is written; replaced when it exists.")
flags.DEFINE_string("model", "NeXtVLAD_tiny", "A frame-level model.")
flags.DEFINE_integer("num_videos", 2000, "Videos to train on; a quarter as many to evaluate on.", lower_bound=64)
flags.DEFINE_integer("num_epochs", 6, "Passes over the training videos.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the data and of the training.")

_NUM_CLASSES = 25
_MARKER = ".yt8m_demo"


def main(arguments):
    """Runs the steps one after the other and prints what they made."""
    command.no_arguments(arguments)
    directory = FLAGS.output_dir.rstrip("/")
    _make_room(directory)
    seconds = {name: _run(name, arguments) for name, arguments in _steps(directory).items()}
    print(f"\nMade in {sum(seconds.values()):.0f} s, on made data (the GAP says nothing about real videos):\n")
    print(_table(_rows(directory, seconds)))


def _make_room(directory):
    if os.path.isdir(directory) and os.listdir(directory):
        if not os.path.exists(os.path.join(directory, _MARKER)):
            raise InputError(f"{directory} holds something that no demo wrote: give another --output_dir.")
        shutil.rmtree(directory)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, _MARKER), "w", encoding="utf-8"):
        pass


def _steps(directory):
    """{name: the command's module and flags}."""
    data, run = os.path.join(directory, "data"), os.path.join(directory, "run")
    made = ["--num_shards=4", f"--num_classes={_NUM_CLASSES}", "--length_scale=0.1", f"--output_dir={data}"]
    validate = f"{data}/validate*.tfrecord"
    return {
        "records to train on": [
            "tfrecords_tools.synthesize",
            "--split=train",
            f"--num_videos={FLAGS.num_videos}",
            f"--seed={FLAGS.seed}",
            *made,
        ],
        "records to evaluate on": [
            "tfrecords_tools.synthesize",
            "--split=validate",
            f"--num_videos={FLAGS.num_videos // 4}",
            f"--seed={FLAGS.seed + 1}",
            *made,
        ],
        "training": [
            "yt8m_distill.bin.train",
            f"--model={FLAGS.model}",
            f"--num_classes={_NUM_CLASSES}",
            f"--train_data_pattern={data}/train*.tfrecord",
            f"--eval_data_pattern={validate}",
            f"--train_dir={run}",
            "--batch_size=32",
            "--base_learning_rate=0.0005",
            "--log_steps=20",
            f"--num_epochs={FLAGS.num_epochs}",
            f"--seed={FLAGS.seed}",
        ],
        "evaluation": ["yt8m_distill.bin.evaluate", f"--checkpoint={run}", f"--eval_data_pattern={validate}"],
        "submission": [
            "yt8m_distill.bin.infer",
            f"--checkpoint={run}",
            f"--input_data_pattern={validate}",
            f"--output_file={directory}/submission.csv",
            "--top_k=20",
        ],
        "export": ["yt8m_distill.bin.export", f"--checkpoint={run}", f"--output_dir={directory}/export"],
    }


def _run(name, arguments):
    print(f"\n== {name}\n$ python -m {shlex.join(arguments)}", flush=True)
    begin = time.monotonic()
    finished = subprocess.run([sys.executable, "-m", *arguments], check=False)
    if finished.returncode:
        raise InputError(f"the demo stopped: {name} ended with status {finished.returncode}, see above.")
    return time.monotonic() - begin


def _rows(directory, seconds):
    data, run = os.path.join(directory, "data"), os.path.join(directory, "run")
    results = _newest_results(run)
    made = seconds["records to train on"] + seconds["records to evaluate on"]
    curve = " -> ".join(f"{gap:.3f}" for gap in _gaps(run))
    submitted = os.path.join(directory, "submission.csv")
    with open(submitted, encoding="utf-8") as file:
        lines = sum(1 for _ in file) - 1
    return [
        ("what", "where", "size", "seconds", "result"),
        ("TFRecords", data, _size(data), made, f"{FLAGS.num_videos} + {FLAGS.num_videos // 4} videos"),
        ("run", run, _size(run), seconds["training"], f"GAP by epoch {curve}"),
        ("evaluation", f"{run}/eval", _size(f"{run}/eval"), seconds["evaluation"], _summary(results)),
        ("submission", submitted, _size(submitted), seconds["submission"], f"{lines} videos, 20 classes each"),
        ("SavedModel", f"{directory}/export", _size(f"{directory}/export"), seconds["export"], "fits into 1 GB"),
    ]


def _newest_results(run):
    directory = os.path.join(run, "eval")
    newest = max(os.listdir(directory), key=lambda name: int(name.removesuffix(".json")))
    with open(os.path.join(directory, newest), encoding="utf-8") as file:
        return json.load(file)


def _gaps(run):
    """GAP of the evaluation after each epoch, in order."""
    directory = os.path.join(run, "eval")
    for name in sorted(os.listdir(directory), key=lambda name: int(name.removesuffix(".json"))):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            yield json.load(file)["gap"]


def _summary(results):
    return (
        f"GAP {results['gap']:.3f}  mAP {results['map']:.3f}  Hit@1 {results['hit_at_1']:.3f}  "
        f"PERR {results['perr']:.3f}"
    )


def _size(path):
    files = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names] or [path]
    size = sum(os.path.getsize(file) for file in files)
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _table(rows):
    rows = [[f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"  {line}".rstrip() for line in lines)


def run():
    """Entry point of `yt8m-demo`."""
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
