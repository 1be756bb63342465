"""Times what has to be waited for before anything happens: `--help`, the imports, and the first training step.

  help         `--help` of train.py, eval.py, inference.py and every command of setup.py, from process start to its end
  imports      a process that only imports TensorFlow, and what the packages inside it take by themselves
  first step   from the start of `train.py` to the line that it prints after its first step, in a new run on made
               videos of YouTube-8M's sizes; beside it, in processes of their own, the parts:
                 python        the interpreter, absl and the flags
                 tensorflow    its import
                 project       the imports of this project
                 data          looking at the first records, counting them
                 build         the model and its weights
                 loop          optimizer, checkpoints, the loop's variables
                 first_batch   the reader and its first batch
                 first_step    tracing and computing it; second_step and third_step say what computing alone takes
                 checkpoint    the one that is written at the end

Processes run one after the other, files are in the page cache after the first. The last line is one JSON object with
medians in seconds. Three minutes: python benchmarks/cold_start.py
"""

import collections
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from absl import flags

from yt8m_distill.bin import command

FLAGS = flags.FLAGS
_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
_STEPS = ("first_step", "second_step", "third_step")

flags.DEFINE_integer("repeats", 3, "Times that each process runs.", lower_bound=1)
flags.DEFINE_boolean("imports", True, "Time the imports too.")
flags.DEFINE_list("models", "NeXtVLAD,NeXtVLAD_tiny", "Models whose first step is timed; empty for none.")
flags.DEFINE_integer("videos", 128, "Videos that are made, 120 to 300 frames each.", lower_bound=2)
flags.DEFINE_integer("step_videos", 32, "Videos of a training step.", lower_bound=1)
flags.DEFINE_float("stamp_from", None, "Train with the flags behind `--` and print the parts since this moment.")


def run_python(arguments):
    """(seconds, stdout, stderr) of a process in the repository; raises where it fails."""
    begin = time.monotonic()
    process = subprocess.run([sys.executable, *arguments], cwd=_REPOSITORY, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {process.returncode}:\n{process.stderr}")
    return seconds, process.stdout, process.stderr


def median_seconds(arguments):
    return round(statistics.median(run_python(arguments)[0] for _ in range(FLAGS.repeats)), 3)


def commands():
    """{name: arguments} of every command that a user types."""
    entries = re.findall(r'"(yt8m-[\w-]+) = ([\w.]+):run"', (_REPOSITORY / "setup.py").read_text(encoding="utf-8"))
    launchers = {name: [name] for name in ("train.py", "eval.py", "inference.py")}
    return launchers | {name: ["-m", module] for name, module in entries}


def time_help():
    seconds = {name: median_seconds([*arguments, "--help"]) for name, arguments in commands().items()}
    for name, taken in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{name:24} --help {taken:6.3f} s", flush=True)
    return {"help_seconds": max(seconds.values()), "help_seconds_by_command": seconds}


def time_imports():
    """Seconds of `import tensorflow` in a process, of one that imports nothing, and by package inside it."""
    seconds = {"nothing": median_seconds(["-c", ""]), "tensorflow": median_seconds(["-c", "import tensorflow"])}
    lines = run_python(["-X", "importtime", "-c", "import tensorflow"])[2]
    packages = collections.Counter()
    for own, name in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", lines, re.MULTILINE):
        packages[name] += int(own) / 1e6
    largest = {name: round(taken, 2) for name, taken in packages.most_common(8)}
    print(f"import tensorflow {seconds['tensorflow']:.2f} s, by package (slower when traced): {largest}", flush=True)
    return {"import_seconds": seconds, "import_seconds_by_package": largest}


def training_flags(model, data, run_dir, steps):
    return [
        f"--model={model}",
        f"--train_data_pattern={data}/*.tfrecord",
        f"--train_dir={run_dir}",
        f"--batch_size={FLAGS.step_videos}",
        f"--max_steps={steps}",
        f"--num_epochs={steps}",
        "--log_steps=1",
    ]


def time_first_step(model, data, run_dir):
    """Seconds from the start of train.py to the line about its first step."""
    begin = time.monotonic()
    arguments = [sys.executable, "train.py", *training_flags(model, data, run_dir, steps=1)]
    seconds = None
    with subprocess.Popen(arguments, cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("step "):
                seconds = time.monotonic() - begin
    if process.returncode or seconds is None:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {process.returncode}")
    return seconds


def time_parts(model, data, run_dir):
    """{part: seconds} of a training run of three steps."""
    given = training_flags(model, data, run_dir, steps=len(_STEPS))
    begin = f"--stamp_from={time.monotonic()}"
    return json.loads(run_python([str(pathlib.Path(__file__).resolve()), begin, "--", *given])[1].splitlines()[-1])


class Stamps:
    """When wrapped functions were entered and left, in seconds since `start`."""

    def __init__(self, start):
        self._start, self.spans = start, collections.defaultdict(list)

    def now(self):
        return time.monotonic() - self._start

    def wrap(self, function, label):
        def stamped(*arguments, **options):
            entered = self.now()
            try:
                return function(*arguments, **options)
            finally:
                self.spans[label].append((entered, self.now()))

        return stamped

    def replace(self, owner, name, label):
        setattr(owner, name, self.wrap(getattr(owner, name), label))


def train_with_stamps(arguments, start):
    """Runs train.py's main in this process and prints its parts as JSON."""
    stamps = Stamps(start)
    from yt8m_distill.bin import train

    FLAGS(["train.py", *arguments])
    stamps.wrap(command.import_tensorflow, "tensorflow")()
    stamps.wrap(__import__, "project")("yt8m_distill.training.loop")
    from yt8m_distill.training import checkpoints, loop

    make_step = loop.make_train_step
    loop.make_train_step = lambda *given: stamps.wrap(make_step(*given), "step")
    stamps.replace(loop, "make_learner", "build")
    stamps.replace(loop.TrainingLoop, "__init__", "loop")
    stamps.replace(checkpoints.RunCheckpoints, "save", "checkpoint")
    train.main([])
    print(json.dumps(parts_of(stamps.spans)))


def parts_of(spans):
    first = {label: found[0] for label, found in spans.items()}
    taken = {label: left - entered for label, (entered, left) in first.items()}
    steps = {label: left - entered for label, (entered, left) in zip(_STEPS, spans["step"], strict=True)}
    return {
        "python": first["tensorflow"][0],
        "tensorflow": taken["tensorflow"],
        "project": taken["project"],
        "data": first["loop"][0] - first["project"][1],
        "build": taken["build"],
        "loop": taken["loop"] - taken["build"],
        "first_batch": first["step"][0] - first["loop"][1],
        **steps,
        "checkpoint": taken["checkpoint"],
    }


def time_model(model, data, folder):
    run_dir = os.path.join(folder, "run")
    whole, parts = [], []
    for _ in range(FLAGS.repeats):
        for measure, results in ((time_first_step, whole), (time_parts, parts)):
            results.append(measure(model, data, run_dir))
            shutil.rmtree(run_dir)
    medians = {part: round(statistics.median(run[part] for run in parts), 2) for part in parts[0]}
    seconds = round(statistics.median(whole), 2)
    print(f"{model}: first step {seconds:.2f} s after the start, {medians}, load {os.getloadavg()[0]:.1f}", flush=True)
    return seconds, medians


def main(arguments):
    if FLAGS.stamp_from is not None:
        return train_with_stamps(arguments, FLAGS.stamp_from)
    command.no_arguments(arguments)
    results = time_help() | (time_imports() if FLAGS.imports else {})
    results |= {"first_step_seconds": {}, "first_step_parts": {}}
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        made = [f"--output_dir={data}", f"--num_videos={FLAGS.videos}", "--num_shards=2", "--min_frames=120"]
        run_python(["-m", "tfrecords_tools.synthesize", *made])
        for model in FLAGS.models:
            found = time_model(model, data, folder)
            results["first_step_seconds"][model], results["first_step_parts"][model] = found
    print(json.dumps(results))


if __name__ == "__main__":
    command.run(main, __doc__)
