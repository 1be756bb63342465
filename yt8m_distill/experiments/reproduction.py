"""A table by its name: the data it wants, its runs, and what is written of it.

OUTPUT/DATA/tables/NAME.txt  as it was printed
OUTPUT/DATA/tables/NAME.csv  a row for each run
OUTPUT/DATA/tables/NAME.png
"""

import dataclasses
import os

from yt8m_distill.errors import InputError
from yt8m_distill.experiments import multi_teacher, plots
from yt8m_distill.experiments.data_sets import open_data_set
from yt8m_distill.experiments.fewer_frames.figure2 import figure2
from yt8m_distill.experiments.fewer_frames.figure3 import figure3
from yt8m_distill.experiments.fewer_frames.table1 import table1
from yt8m_distill.experiments.fewer_frames.table2 import table2
from yt8m_distill.experiments.fewer_frames.table3 import table3
from yt8m_distill.experiments.fewer_frames.table4 import table4
from yt8m_distill.experiments.fewer_frames.tables5and6 import table5, table6
from yt8m_distill.experiments.runs import Runner
from yt8m_distill.experiments.size_constrained.table1 import table1 as size_constrained_table1
from yt8m_distill.experiments.size_constrained.table2 import table2 as size_constrained_table2
from yt8m_distill.experiments.size_constrained.table3 import table3 as size_constrained_table3
from yt8m_distill.experiments.size_constrained.table4 import table4 as size_constrained_table4
from yt8m_distill.experiments.table_names import DATA, LEVELS
from yt8m_distill.written_aside import written_aside

_TABLES = {
    "fewer_frames/1": table1,
    "fewer_frames/2": table2,
    "fewer_frames/3": table3,
    "fewer_frames/4": table4,
    "fewer_frames/5": table5,
    "fewer_frames/6": table6,
    "fewer_frames/figure2": figure2,
    "fewer_frames/figure3": figure3,
    "size_constrained/1": size_constrained_table1,
    "size_constrained/2": size_constrained_table2,
    "size_constrained/3": size_constrained_table3,
    "size_constrained/4": size_constrained_table4,
    "multi_teacher/1": multi_teacher.table1,
}


def reproduce(
    name, data, data_dir, output_dir, seeds=(0, 1, 2), frames=(), quick=False, executor=None, size_budget_mb=None
):
    """Makes a table and writes it.

    Args:
      name: a key of `table_names.LEVELS`.
      data, data_dir: see `open_data_set`.
      output_dir: see above; what is there already is not made again.
      seeds: numbers of at least 0, all different.
      frames: k of the students instead of the data set's, ascending.
      quick: sizes of seconds.
      executor: see `Runner`.
      size_budget_mb: see `DataSet`.

    Returns:
      (the table's text, paths of what was written).

    Raises:
      InputError: data that do not fit the table, or a package that tables need is not there.
    """
    plots.require("matplotlib", "scipy", *(["sklearn"] if name == "fewer_frames/figure3" else []))
    level = DATA[data] or LEVELS[name][0]
    if level not in LEVELS[name]:
        raise InputError(f"--table={name} needs {LEVELS[name][0]}-level records and --data={data} holds {level} level.")
    data_set = open_data_set(data, data_dir, output_dir, level, quick)
    data_set = dataclasses.replace(data_set.with_frames(frames), size_budget_mb=size_budget_mb)
    folder = os.path.join(output_dir, f"{data}-{level}" if data == "synthetic" else data) + ("-quick" if quick else "")
    table = _TABLES[name](data_set, Runner(folder, data_set.evaluation, executor), list(seeds))
    path = os.path.join(folder, "tables", name.replace("/", "-"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    text = f"{table.title}\n  data: {data_set.title}\n{table.body}\n"
    with written_aside(f"{path}.txt") as file:
        file.write(text)
    with written_aside(f"{path}.csv") as file:
        table.write_csv(file)
    table.draw(f"{path}.png")
    return text, [f"{path}.{ending}" for ending in ("txt", "csv", "png")]
