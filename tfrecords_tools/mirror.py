"""The public layout of the YouTube-8M data set: partitions, mirrors, download plans, shares. Pure: no network, no disk.

The protocol is that of the official script, `data.yt8m.org/download.py`, as public copies of it show:

* plan: `http://data.yt8m.org/2/download_plans/frame_train.json` for the partition `2/frame/train`, JSON of the form
  `{"files": {"trainbF.tfrecord": "<MD5, 32 hexadecimal digits>", ...}}`, 3844 = 62 x 62 files, without sizes;
* file: `http://us.data.yt8m.org/2/frame/train/trainbF.tfrecord`, or the mirrors `eu` and `asia`;
* share `I,N`: the files whose name fits `MD5(name) % N == I - 1`, the MD5 read as a hexadecimal number;
* name on disk: the last two characters, digits to the base 62 (a-z, A-Z, 0-9), become four decimal digits,
  `trainbF` -> `train0093`, since file systems that ignore case would mix up `trainbF` and `trainBf`.

Checked against what users of the script report: share 1,100 of `2/frame/train` holds train0093, train0111, train0208,
train2072 and train3749, and share 1,1000 is 5 train, 5 validate and 4 test files.
"""

import dataclasses
import hashlib
import json
import re
import string

from yt8m_distill.errors import InputError

HOST = "data.yt8m.org"
MIRRORS = ("us", "eu", "asia")

_DIGITS = string.ascii_lowercase + string.ascii_uppercase + string.digits
_PARTITION = re.compile(r"[0-9]+/(video|frame|video_level|frame_level)/(train|validate|test)")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclasses.dataclass(frozen=True, order=True)
class PlannedFile:
    """One file of a plan: its name on disk, its name on the mirror and the MD5 of its content (hexadecimal)."""

    local_name: str
    name: str
    md5: str


@dataclasses.dataclass(frozen=True)
class Share:
    """Share `shard` = (I, N) of a partition, on one mirror.

    Attributes:
      partition: version/level/split, as `2/frame/train`; levels are video and frame (video_level and frame_level in
        versions 0 and 1), splits are train, validate and test.
      shard: (I, N) with 1 <= I <= N; (1, 1) is the whole partition.
      mirror: us, eu or asia.
      base_url: a server of one's own with the same paths, for plans and files alike; None means the public mirrors.

    Raises:
      InputError: one of them has another form.
    """

    partition: str
    shard: tuple[int, int] = (1, 1)
    mirror: str = "us"
    base_url: str | None = None

    def __post_init__(self):
        if not _PARTITION.fullmatch(self.partition):
            raise InputError(
                f"--partition={self.partition}: expected VERSION/LEVEL/SPLIT, with level video or frame and split "
                "train, validate or test, for example --partition=2/frame/train."
            )
        if not 1 <= self.shard[0] <= self.shard[1]:
            raise InputError(f"--shard={self.shard[0]},{self.shard[1]}: expected I,N with 1 <= I <= N.")
        if self.mirror not in MIRRORS:
            raise InputError(f"--mirror={self.mirror}: expected one of {', '.join(MIRRORS)}.")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise InputError(f"--base_url={self.base_url}: expected an address that begins with http:// or https://.")

    @property
    def plan_url(self):
        version, level, split = self.partition.split("/")
        base = (self.base_url or f"http://{HOST}").rstrip("/")
        return f"{base}/{version}/download_plans/{level}_{split}.json"

    def file_url(self, name):
        base = (self.base_url or f"http://{self.mirror}.{HOST}").rstrip("/")
        return f"{base}/{self.partition}/{name}"

    def holds(self, name):
        """True where the file `name` (its name on the mirror) belongs to this share."""
        index, total = self.shard
        return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), 16) % total == index - 1

    def files(self, plan):
        """The files of this share among `plan` (read_plan), as a list of PlannedFile in the order of their names."""
        return sorted(PlannedFile(local_name(name), name, md5) for name, md5 in plan.items() if self.holds(name))


def parse_shard(text):
    """`"1,100"` -> (1, 100). Raises InputError where `text` is not two whole numbers; Share checks their range."""
    match = re.fullmatch(r"\s*(-?[0-9]+)\s*,\s*(-?[0-9]+)\s*", text)
    if not match:
        raise InputError(f"--shard={text}: expected I,N with 1 <= I <= N.")
    return int(match[1]), int(match[2])


def local_name(name):
    """Name on disk of the mirror's file `name`; a name that does not end in two base-62 digits stays as it is."""
    match = re.fullmatch(r"([^.]*)([A-Za-z0-9])([A-Za-z0-9])(\.[^.]+)", name)
    if not match:
        return name
    stem, high, low, extension = match.groups()
    return f"{stem}{len(_DIGITS) * _DIGITS.index(high) + _DIGITS.index(low):04d}{extension}"


def read_plan(content, source):
    """Parses a download plan.

    Args:
      content: bytes of the plan.
      source: where they came from, for the message.

    Returns:
      {name on the mirror: MD5}.

    Raises:
      InputError: not a plan. Names that could leave the output directory are refused too: plans come over plain HTTP.
    """
    try:
        files = json.loads(content)["files"]
        if not files:
            raise ValueError("it lists no files")
        for name, md5 in files.items():
            if not (_FILE_NAME.fullmatch(name) and _MD5.fullmatch(md5)):
                raise ValueError(f"entry {name!r}: {md5!r} is not a file name and an MD5")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f'{source}: not a download plan, expected JSON {{"files": {{name: MD5}}}} ({error}). '
            "A proxy may have answered instead of the server; a plan on disk can be deleted and is fetched again."
        ) from error
    return files
