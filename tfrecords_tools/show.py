"""Shows records of a TFRecord file in words: layout, id, labels, frames, values, rated segments.

Reads YouTube-8M's frame, video and segment level and AudioSet without being told which one it is.

  python -m tfrecords_tools.show data/train0000.tfrecord --vocabulary=vocabulary.csv
  python -m tfrecords_tools.show data/train0000.tfrecord --skip=100 --records=1
"""

import os

from absl import flags

from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

_RECORDS = flags.DEFINE_integer("records", 3, "How many records.", lower_bound=1)
_SKIP = flags.DEFINE_integer("skip", 0, "Records to pass over first.", lower_bound=0)
_VOCABULARY = flags.DEFINE_string("vocabulary", None, "CSV file with the columns Index and Name: names for classes.")


def main(arguments):
    if len(arguments) != 1:
        raise InputError(f"expected one TFRecord file, received {len(arguments)}; see --help.")
    (path,) = arguments
    command.import_tensorflow()
    from tfrecords_tools.record_text import read_class_names, record_text
    from yt8m_distill.data.record_checks import RecordError, read_records

    names = read_class_names(_VOCABULARY.value) if _VOCABULARY.value else None
    number = -1
    for number, serialized in read_records(path, _SKIP.value + _RECORDS.value):
        if number < _SKIP.value:
            continue
        try:
            print(f"{os.path.basename(path)} record {number}\n{record_text(serialized, names)}", flush=True)
        except InputError as error:
            raise RecordError(path, number, str(error)) from None
    if number < _SKIP.value:
        raise InputError(f"{path} holds {number + 1} records: --skip={_SKIP.value} passes over all of them.")


def run():
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
