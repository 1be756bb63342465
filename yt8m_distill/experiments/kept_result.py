"""A result that took a while, kept in a JSON file with what it was made of."""

import json
import os

from yt8m_distill.written_aside import written_aside


def kept_result(path, made_with, make):
    """The result in a file that was made with the same, else that of `make()`, which the file holds then.

    Args:
      path: JSON file, there or not; its folder is made where it is missing.
      made_with: JSON values that decide the result.
      make: function without arguments that returns JSON values.
    """
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        if stored.get("made_with") == made_with and "result" in stored:
            return stored["result"]
    result = make()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with written_aside(path) as file:
        json.dump({"made_with": made_with, "result": result}, file, indent=1)
    return result
