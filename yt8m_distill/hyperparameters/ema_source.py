"""The finished run whose weights a run starts from, to average them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class EmaSource:
    """The part `ema_source` of such a run's config.json.

    Attributes:
      path: prefix of the checkpoint.
      checksum: SHA-256 of the checkpoint's files.
    """

    path: str
    checksum: str
