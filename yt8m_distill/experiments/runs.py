"""The runs of an experiment: which are done, which are to be made, and how long that will take.

OUTPUT/DATA/NAME/  a run directory, with result.json: with what it is made, and once it is done what it reached

A run without a result is taken up where it was stopped; one that was made with something else is an error.
"""

import json
import os
import time

from yt8m_distill.errors import InputError
from yt8m_distill.experiments.plans import made_with, teachers_first, with_new_numbers
from yt8m_distill.experiments.single_run import finished_run, make_run, result_path


class Runner:
    """Makes runs, each once.

    Args:
      output_dir: their parent.
      evaluation: shards that every run is evaluated on.
      executor: concurrent.futures.Executor whose processes make the runs, one after the other; None makes them in this
        process. TensorFlow keeps the graph of every gradient that is written out, as those of recurrent layers are, as
        long as a process lives: some 50 MB a run.
    """

    def __init__(self, output_dir, evaluation, executor=None):
        self.output_dir, self.evaluation = output_dir, tuple(evaluation)
        self._executor = executor
        self._results = {}

    def run(self, plans):
        """Makes what is not made yet, teachers first.

        Returns:
          {plan: result} of `plans` and their teachers; see `make_run`.

        Raises:
          InputError: a directory holds a run of the same name that was made with something else.
          KeyboardInterrupt: a training was stopped by Ctrl-C, after it saved a checkpoint.
        """
        order = teachers_first(plans)
        done = sum(self._known(plan) is not None for plan in order)
        begin, count = time.monotonic(), 0
        for plan in order:
            if self._known(plan) is None:
                result, count = self._make(plan), count + 1
                elapsed, left = time.monotonic() - begin, len(order) - done - count
                print(
                    f"run {done + count} of {len(order)}  {plan.name}  {_summary(result)}  "
                    f"elapsed {_clock(elapsed)}, about {_clock(elapsed / count * left)} left",
                    flush=True,
                )
        return {plan: self._known(plan) for plan in order}

    def run_cells(self, cells):
        """{cell: {seed: result}} of {cell: {seed: Plan}}."""
        made = self.run([plan for plans in cells.values() for plan in plans.values()])
        return {cell: {seed: made[plan] for seed, plan in plans.items()} for cell, plans in cells.items()}

    def directory(self, plan):
        """Its run directory."""
        return os.path.join(self.output_dir, plan.name)

    def finished(self, plan):
        """The Run of a plan that is made: its average, where it has a source."""
        return finished_run(plan, self.output_dir)

    def _make(self, plan):
        arguments = (plan, self.output_dir, self.evaluation)
        return self._executor.submit(make_run, *arguments).result() if self._executor else make_run(*arguments)

    def _known(self, plan):
        """The result of a run that is done, or None."""
        if plan not in self._results:
            path = result_path(plan, self.output_dir)
            if not os.path.exists(path):
                return None
            with open(path, encoding="utf-8") as file:
                stored = json.load(file)
            expected, found = json.loads(
                json.dumps([made_with(plan, self.evaluation), with_new_numbers(stored["made_with"])])
            )
            if found != expected:
                differing = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
                raise InputError(
                    f"{self.directory(plan)} was made with another {', '.join(differing)}: choose another --output_dir."
                )
            if "result" not in stored:
                return None
            if plan.by_epoch and len(stored["result"].get("epochs", ())) != plan.training.num_epochs:
                raise InputError(
                    f"{self.directory(plan)} was made without a result of every epoch: delete it to make it again."
                )
            self._results[plan] = stored["result"]
        return self._results[plan]


def _summary(result):
    return f"GAP {result['gap']:.4f}  mAP {result['map']:.4f}  {result['seconds']:.0f} s"


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
