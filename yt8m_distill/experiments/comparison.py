"""Several models trained on the same data with one command, and the table of what each reached.

OUTPUT/NAME-seedS/       a run directory for every flagfile NAME.flags and seed
OUTPUT/NAME-seedS/comparison.json  with what it was trained and evaluated, and how long training took over all attempts
OUTPUT/table.csv         one row a run
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import pandas as pd

from yt8m_distill.errors import InputError
from yt8m_distill.run_config import config_path, find_run, newest_checkpoint
from yt8m_distill.written_aside import written_aside

METRICS = {"mAP": "map", "GAP": "gap", "Hit@1": "hit_at_1", "PERR": "perr"}


def compare(flagfiles, seeds, output_dir, train_pattern, eval_pattern, extra_flags=()):
    """Trains and evaluates every flagfile with every seed; what is done already is not done again.

    Args:
      flagfiles: paths of flagfiles that name a model, the data layout and the training.
      seeds: ints.
      output_dir: where the run directories and table.csv go.
      train_pattern, eval_pattern: TFRecord files.
      extra_flags: further flags of every training.

    Returns:
      DataFrame with a row a run: name, seed, the metrics, steps, seconds of training.

    Raises:
      InputError: a training or an evaluation ended with an error, which it has printed; or a run is there already that
        was made with something else.
    """
    rows = []
    for flagfile in flagfiles:
        for seed in seeds:
            name = pathlib.Path(flagfile).stem
            run_dir = os.path.join(output_dir, f"{name}-seed{seed}")
            print(f"\n== {name}, seed {seed}: {run_dir}", flush=True)
            data = [f"--train_data_pattern={train_pattern}", f"--eval_data_pattern={eval_pattern}"]
            made_with = [pathlib.Path(flagfile).read_text(encoding="utf-8"), *data, *extra_flags]
            _check_made_with(run_dir, made_with)
            if not _evaluation(run_dir):
                train = [f"--flagfile={flagfile}", data[0], f"--seed={seed}", *extra_flags]
                _train([*train, f"--train_dir={run_dir}"], run_dir, made_with)
                _run("evaluate", [f"--checkpoint={run_dir}", data[1]])
            rows.append({"name": name, "seed": seed, **_results(run_dir)})
            _write(pd.DataFrame(rows), os.path.join(output_dir, "table.csv"))
    return pd.DataFrame(rows)


def _check_made_with(run_dir, made_with):
    if _record(run_dir)["made_with"] not in (None, made_with):
        raise InputError(f"{run_dir} was made with another flagfile, data or flags: choose another --output_dir.")


def _train(arguments, run_dir, made_with):
    begin = time.monotonic()
    try:
        _run("train", arguments)
    finally:
        if os.path.exists(config_path(run_dir)):
            seconds = _record(run_dir)["seconds"] + time.monotonic() - begin
            with written_aside(os.path.join(run_dir, "comparison.json")) as file:
                json.dump({"made_with": made_with, "seconds": round(seconds, 1)}, file, indent=2)


def _record(run_dir):
    path = pathlib.Path(run_dir, "comparison.json")
    return json.loads(path.read_text()) if path.exists() else {"made_with": None, "seconds": 0.0}


def _evaluation(run_dir):
    """Path of the evaluation of the newest checkpoint, or None. Only a finished run has one."""
    if not os.path.exists(config_path(run_dir)) or newest_checkpoint(run_dir) is None:
        return None
    path = pathlib.Path(run_dir, "eval", f"{find_run(run_dir).step}.json")
    return path if path.exists() else None


def _results(run_dir):
    results = json.loads(_evaluation(run_dir).read_text())
    metrics = {name: results[key] for name, key in METRICS.items()}
    return {**metrics, "steps": find_run(run_dir).step, "seconds": round(_record(run_dir)["seconds"])}


def _run(binary, arguments):
    process = subprocess.run([sys.executable, "-m", f"yt8m_distill.bin.{binary}", *arguments])
    if process.returncode:
        raise InputError(f"{binary} {' '.join(arguments)} ended with status {process.returncode}; see above.")


def _write(table, path):
    with written_aside(path) as file:
        table.to_csv(file, index=False)


def summary(table):
    """The table's text, best mAP first: the mean over seeds, with the lowest and the highest where there are more."""
    rows = []
    for name, runs in table.groupby("name"):
        cells = {metric: _spread(runs[metric]) for metric in METRICS}
        rows.append({"name": name, **cells, "steps": runs["steps"].max(), "seconds": round(runs["seconds"].mean())})
    order = table.groupby("name")["mAP"].mean().sort_values(ascending=False).index
    return pd.DataFrame(rows).set_index("name").loc[order].to_string()


def _spread(values):
    mean = f"{values.mean():.4f}"
    return mean if len(values) == 1 else f"{mean} ({values.min():.4f}..{values.max():.4f})"
