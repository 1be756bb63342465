"""Folders of records: train/ and eval/ or validate/, found, or made by commands of tfrecords_tools."""

import os
import subprocess
import sys

import tensorflow as tf

from yt8m_distill.data.shards import find_shards
from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import written_aside


def find_split_shards(data_dir):
    """{"train": paths, "evaluation": paths} of a folder with train/ and eval/ or validate/.

    Raises:
      InputError: it has no such folders, or they hold no records.
    """
    folders = {"train": "train", "evaluation": evaluation_folder(data_dir)}
    return {
        part: tuple(find_shards(os.path.join(data_dir, folder, "*.tfrecord"), "--data_dir"))
        for part, folder in folders.items()
    }


def evaluation_folder(data_dir):
    """The one of eval and validate that there is; raises InputError where there is none."""
    for folder in ("eval", "validate"):
        if os.path.isdir(os.path.join(data_dir, folder)):
            return folder
    raise InputError(f"--data_dir={data_dir}: expected a folder that holds train/ and eval/ or validate/.")


def is_frame_level(data_dir):
    """Whether the first record of the folder's training shards has frames."""
    record = next(iter(tf.data.TFRecordDataset(find_split_shards(data_dir)["train"][:1]).take(1)))
    return bool(tf.train.SequenceExample.FromString(record.numpy()).feature_lists.feature_list)


def make_records(tool, directory, *arguments):
    """Runs a command of tfrecords_tools, unless it has filled the directory; one that was interrupted goes on.

    Raises:
      InputError: the directory was filled with other arguments, or the command failed.
    """
    complete, asked = f"{directory}.complete", " ".join([tool, *arguments])
    if os.path.exists(complete):
        with open(complete, encoding="utf-8") as file:
            made = file.read()
        if made != asked:
            raise InputError(f"{directory} was made by {made!r}, not by {asked!r}: choose another --output_dir.")
        return
    print(f"makes {directory}", flush=True)
    command = [sys.executable, "-m", f"tfrecords_tools.{tool}", f"--output_dir={directory}", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise InputError(f"{' '.join(command[1:])} failed, see above.")
    with written_aside(complete) as file:
        file.write(asked)
