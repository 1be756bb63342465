"""Downloads a share of the real YouTube-8M data set (CC BY 4.0, Google) from its public mirrors.

Takes the same partitions, shares and mirrors as the official script, `shard=1,100 partition=2/frame/train mirror=us`,
and picks the same files under the same names.

  # A look at what a hundredth of the frame-level training set is; nothing is written.
  python -m tfrecords_tools.download --partition=2/frame/train --shard=1,100 --dry_run

  # The same share, from the European mirror, into ./yt8m/2/frame/train.
  python -m tfrecords_tools.download --partition=2/frame/train --shard=1,100 --mirror=eu

  # All video-level training features, eight files at a time.
  python -m tfrecords_tools.download --partition=2/video/train --output_dir=data/video --parallel=8

  # Reads every byte again and compares checksums.
  python -m tfrecords_tools.download --partition=2/video/train --output_dir=data/video --verify_only

Sizes, as published: video level 31 GB, frame level 1.53 TB, each train, validate and test together (train is about
two thirds), each split in 3844 files. So a hundredth of all three is about 0.3 GB at video level and 15 GB at frame
level. Partitions: 2/video/* and 2/frame/* with train, validate, test (2018, 3862 classes); 3/frame/validate and
3/frame/test (2019, rated segments).

Stop it at any time: the same command continues, and fetches nothing that is there. Status 0 means that every file of
the share lies in the directory with the right MD5.
"""

import os

from absl import flags

from tfrecords_tools import mirror, share
from yt8m_distill.bin import command
from yt8m_distill.errors import InputError

_PARTITION = flags.DEFINE_string("partition", None, "VERSION/LEVEL/SPLIT, for example 2/frame/train.")
_SHARD = flags.DEFINE_string("shard", "1,1", "I,N: the I-th of N shares of the files; 1,1 is all of them.")
_MIRROR = flags.DEFINE_string("mirror", "us", f"The nearest of {', '.join(mirror.MIRRORS)}.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Directory of the files; yt8m/PARTITION when not given.")
_PARALLEL = flags.DEFINE_integer("parallel", 4, "Files at a time.", lower_bound=1, upper_bound=64)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the files and their size, write nothing.")
_VERIFY_ONLY = flags.DEFINE_bool("verify_only", False, "Read all files of the share in --output_dir, fetch none.")
_BASE_URL = flags.DEFINE_string("base_url", None, "A server with the same paths, in place of the public mirrors.")
_RETRY_PAUSE = flags.DEFINE_float(
    "retry_pause", 1.0, "Seconds before the first retry; doubles with each one.", lower_bound=0.0
)


def main(arguments):
    if arguments:
        raise InputError(f"{arguments[0]}: not a flag; the partition goes into --partition, see --help.")
    if not _PARTITION.value:
        raise InputError("--partition is missing, for example --partition=2/frame/train; see --help.")
    if _DRY_RUN.value and _VERIFY_ONLY.value:
        raise InputError("--dry_run and --verify_only are both given: one at a time.")
    wanted = mirror.Share(_PARTITION.value, mirror.parse_shard(_SHARD.value), _MIRROR.value, _BASE_URL.value)
    folder = _OUTPUT_DIR.value or os.path.join("yt8m", *wanted.partition.split("/"))
    target = share.ShareFolder(wanted, folder, _PARALLEL.value, _RETRY_PAUSE.value)
    if _DRY_RUN.value:
        target.preview()
    elif _VERIFY_ONLY.value:
        target.verify()
    else:
        target.fetch()


def run():
    command.run(main, __doc__)


if __name__ == "__main__":
    run()
