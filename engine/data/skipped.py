"""The list of rows that a run leaves out, for the person who wonders where they are."""

import dataclasses
import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from engine.data.dataset import Skipped
from engine.job.errors import FolderError

SKIPPED_FILE = "skipped.jsonl"


def write_skipped(folder: Path, skipped: Iterable[Skipped]) -> int:
    """Write one line for each row into the folder's `skipped.jsonl` and return how many there are.

    Without any there is no such file. Raises FolderError when the folder cannot be written.
    """
    path = folder / SKIPPED_FILE
    waiting = iter(skipped)
    first = next(waiting, None)
    if first is None:
        path.unlink(missing_ok=True)
        return 0
    count = 0
    try:
        # Half a character in a file's own words is written as its JSON escape.
        with path.open("w", encoding="utf-8", errors="backslashreplace") as out:
            for count, row in enumerate(chain([first], waiting), 1):  # noqa: B007 - the last one counts
                out.write(json.dumps(dataclasses.asdict(row), ensure_ascii=False) + "\n")
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written: {error.strerror}.", "Choose a writable folder."
        ) from None
    return count
