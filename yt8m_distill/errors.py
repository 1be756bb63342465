"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Something the user gave is wrong: data, a flag, a run directory.

    The message is one line that names what was read (file, record number), what was expected, what was
    received and what to do. Binaries print it and exit with status 1; it never carries a traceback.
    """
