"""The file of weights that a search writes and a later export reads.

NAME.json            the members and their weights, how they were found and how they do
NAME.txt, NAME.csv   the report and its table
"""

import json
import math
import os

from yt8m_distill.errors import InputError
from yt8m_distill.written_aside import require_writable

_SEARCH = "Search for weights with --search."


def are_weights(numbers):
    """Whether an ensemble can be weighed with them: finite, at least 0, not all 0."""
    return all(0 <= number < math.inf for number in numbers) and any(numbers)


def companions(path):
    """(path of the report, path of its table) beside a file of weights."""
    stem = os.path.splitext(path)[0]
    return f"{stem}.txt", f"{stem}.csv"


def require_weights_writable(path):
    """Raises InputError where the file and what lies beside it cannot be written."""
    if not path.endswith(".json"):
        raise InputError(
            f"--weights_file={path}: expected a name that ends in .json; a report and a table are written beside it, "
            "as .txt and .csv."
        )
    for one in (path, *companions(path)):
        require_writable(one)


def read_weights(path, members):
    """The weights of a file that `EnsembleReport.write` wrote, and how they were found.

    Args:
      path: of the file.
      members: Candidates, in any order.

    Returns:
      (weights in the order of these members, {"method": "read", "file", "members": names in the order of the file,
      "search" and, where there was data, "score" as they stand in the file}).

    Raises:
      InputError: it cannot be read, or is of other members.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        stored = {m["checksum"]: (str(m["checkpoint"]), float(m["weight"])) for m in content["members"]}
        found = {"method": "read", "file": path, "members": [m["name"] for m in content["members"]]}
        found |= {"search": {"method": content["search"]["method"], **content["search"]}}
        found |= {"score": content["score"]} if "score" in content else {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. {_SEARCH}") from error
    except KeyError as error:
        raise InputError(f"{path} lacks {error}: expected what a search of this version writes. {_SEARCH}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} holds no weights: {error}. {_SEARCH}") from error
    weights = [weight for _, weight in stored.values()]
    if not are_weights(weights):
        raise InputError(f"{path} holds the weights {weights}: expected numbers of at least 0, not all 0. {_SEARCH}")
    _require_same(path, {checksum: checkpoint for checksum, (checkpoint, _) in stored.items()}, members)
    return [stored[member.checksum][1] for member in members], found


def _require_same(path, stored, members):
    given = {member.checksum: member.checkpoint for member in members}
    unknown = [checkpoint for checksum, checkpoint in given.items() if checksum not in stored]
    missing = [checkpoint for checksum, checkpoint in stored.items() if checksum not in given]
    if unknown or missing:
        raise InputError(
            f"{path} holds weights of other members (checkpoint, features, model): none for "
            f"{', '.join(unknown) or 'no one more'}, and some for {', '.join(missing) or 'no one more'}. Give the "
            "members that it was written for, or --search again."
        )
