"""Commands over TFRecord files: `python -m tfrecords_tools.NAME --help`."""
