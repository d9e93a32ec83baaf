"""Finding the rows in which a text stands. What a row is made of does not matter here: every column is searched."""

import json
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.data.reading import Fault, Located
from engine.data.store import StoredRecords
from engine.data.table import Heard, Table

_TELL_EVERY = 2000
_ASCII = re.compile(r"[\x20-\x7e]+")


def numbers_holding(tables: Sequence[Table], text: str, heard: Heard | None = None) -> "array[int]":
    """The numbers of the rows that hold `text` in a column, written large or small, in the order of the rows.

    `heard` is told how many rows were looked at, and may end the search by raising.
    """
    wanted, numbers = text.casefold(), array("I")
    for table in tables:
        for index, found in _candidates(table.entries, text):
            if heard is not None and index % _TELL_EVERY == 0:
                heard(table.first - 1 + index)
            if found is not None and not isinstance(found[1], Fault) and _holds(found[1].values(), wanted):
                numbers.append(table.first + index)
    return numbers


def _candidates(entries: Sequence[Located], text: str) -> Iterator[tuple[int, Located | None]]:
    words = max(_ASCII.findall(text), key=len, default="")
    if words and isinstance(entries, StoredRecords):
        return entries.maybe_holding(words)
    return enumerate(entries)


def _holds(values: Iterable[object], wanted: str) -> bool:
    waiting = list(values)  # no recursion: values may be nested as deep as a file likes
    while waiting:
        match waiting.pop():
            case None:
                continue
            case str() as text:
                if wanted in text.casefold():
                    return True
            case Mapping() as inner:
                waiting.extend(inner.values())
            case list() as inner:
                waiting.extend(inner)
            case value:
                if wanted in json.dumps(value, default=str).casefold():
                    return True
    return False
