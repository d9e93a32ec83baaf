"""What a reader is asked and what it gives: located records, and faults where a bad line is to be passed over."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.job.errors import DataError

Record = dict[str, Any]  # Any: whatever stands in the file

MALFORMED = "malformed line"
SKIPPING = "rows.malformed=skip"
"""The setting that passes such lines over."""


@dataclass(frozen=True)
class Fault:
    """A line that holds no row: the sentence that tells why, and its text, shortened."""

    sentence: str
    text: str = ""


Located = tuple[int, Record | Fault]  # line number from 1, or 0 where a file has no lines


@dataclass(frozen=True)
class Reading:
    """How a file is read: which of its `split`s, and whether lines that hold no row are passed over."""

    split: str | None = None
    skips: bool = False

    def bad(self, line: int, error: DataError, text: str = "") -> Located:
        """A fault in place of the row; raises the error itself where nothing is passed over."""
        if not self.skips:
            error.remedy = SKIPPING
            raise error
        return line, Fault(error.title, shortened(text))


Reader = Callable[[Path, Reading], Iterator[Located]]

_SHORT = 80
_NAMED = 20


def shortened(text: str) -> str:
    """The beginning of a text on one line, as long as a message may quote it."""
    text = " ".join(text[: 10 * _SHORT].split())
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def quoted(names: Collection[object], none: str = "nothing") -> str:
    """Some names of a file for a sentence: on one line, each as short as it may be, of very many the first."""
    listed = [f"'{shortened(str(name))}'" for name in islice(names, _NAMED)]
    more = len(names) - len(listed)
    return (", ".join(listed) or none) + (f" and {more} more" if more else "")


def refuse_repeated(names: list[str], path: Path) -> None:
    """Raise DataError when two columns have the same name."""
    repeated = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if repeated is not None:
        title = f"'{path.name}' has two columns named '{shortened(repeated)}'."
        raise DataError(title, "Rename or remove one of them.")
