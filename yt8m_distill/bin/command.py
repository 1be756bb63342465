"""How every command of this project starts and ends: help at once, one clear line for bad input."""

import os
import sys
import tempfile

from absl import app, flags, logging

from yt8m_distill.errors import InputError

_HELP = {"--help", "-help", "-h", "-?", "--helpshort", "-helpshort"}
_OURS = ("yt8m_distill", "tfrecords_tools", "benchmarks", "__main__")


def run(main, doc):
    """Parses the command line, calls `main(arguments)` and exits with its status.

    Args:
      main: function of the list of positional arguments; returns None or an exit status.
      doc: the command's own words, printed above the flags by `--help`.

    `--help` prints the project's flags alone, in the order in which they were defined, and imports nothing else.
    An `InputError`, a flag that does not parse, or a file that cannot be read or written becomes one line on stderr
    and exit status 1; Ctrl-C exits with 130.
    """
    # TensorFlow registers its CUDA plugins with lines marked E on every start; its exceptions still reach us.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on older AMD processors, where steps take 0.6 to 0.8 of the time with it (docs/decisions.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        app.run(lambda argv: _guarded(main, argv[1:]), flags_parser=lambda argv: _parse(argv, doc))
    except BrokenPipeError:
        # `... | head` has read enough. What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _parse(argv, doc):
    if _HELP.intersection(argv[1:]):
        print(help_text(doc), flush=True)
        sys.exit(0)
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        _fail(f"{' '.join(str(error).split())} (see --help)")


def _guarded(main, arguments):
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)
    try:
        status = main(arguments) or 0
    except InputError as error:
        _fail(str(error))
    except OSError as error:  # a broken pipe among them, which has no file's name
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}.")
    except KeyboardInterrupt:
        _fail("interrupted", status=130)
    _leave(status)


def no_arguments(arguments):
    """Raises InputError where something stands on the command line that is no flag."""
    if arguments:
        raise InputError(f"unexpected argument {arguments[0]!r}: every option is a flag (see --help).")


def import_tensorflow():
    """Imports TensorFlow without the notices that it prints past TF_CPP_MIN_LOG_LEVEL; they show where it fails."""
    with tempfile.TemporaryFile() as held_back:
        stderr = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _fail(message, status=1):
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr, flush=True)
    _leave(status)


def _leave(status):
    sys.stdout.flush()
    if "tensorflow_io" in sys.modules:
        # Its S3 client aborts the process while it is torn down (status 134), whatever the command did.
        os._exit(status)
    sys.exit(status)


def help_text(doc):
    """The command's own words, then this project's flags; absl's and others' are left to `--helpfull`."""
    lines = [doc.strip(), ""]
    commands_own = ("__main__", sys.argv[0])
    by_module = flags.FLAGS.flags_by_module_dict()
    for module in sorted(by_module, key=lambda name: name not in commands_own):
        if module.split(".")[0] in _OURS or module in commands_own:
            lines += [_flag_text(flag) for flag in by_module[module]]
    return "\n".join([*lines, "", "Flags of the libraries: --helpfull. Flags from a file: --flagfile=FILE."])


def _flag_text(flag):
    default = "" if flag.default in (None, "", []) else f" (default: {flag.default_as_str})"
    return flags.text_wrap(f"--{flag.name}: {flag.help}{default}", length=110, indent="    ", firstline_indent="  ")
