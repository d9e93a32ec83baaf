"""One file as it stands: what was read of it, in order, in memory while it is small and in the row cache beyond."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from engine.data.digests import known_digest
from engine.data.files import digest
from engine.data.readers import read_records
from engine.data.reading import Fault, Located, Reading, Record
from engine.data.store import RecordStore, StoredRecords, key_of
from engine.job.errors import DataError

IN_MEMORY_BYTES = 8_000_000  # of a file; its rows take about five times as much
_TELL_EVERY = 2000
_TELL_SECONDS = 0.05  # long rows take as long as thousands of short ones
T = TypeVar("T")
Heard = Callable[[int], None]
"""Is told how many rows were read; may raise StoppedError to end the reading."""


@dataclass(frozen=True)
class Table:
    """What was read of a file. Row `first + i` of the set is `entries[i]`: its line with a record or a fault.

    `hash` is the SHA-256 of the file, "" where only its head was read.
    """

    path: Path
    first: int
    columns: tuple[str, ...]
    entries: Sequence[Located] = field(repr=False)
    hash: str = ""

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, index: int) -> Record:
        """The columns of one entry; a fault has none."""
        found = self.entries[index][1]
        return {} if isinstance(found, Fault) else found

    def where(self, index: int, line: int) -> str:
        """The words for one record in a message."""
        return f"Row {index + 1}{f' (line {line})' if line else ''} of '{self.path.name}'"


def read_table(
    path: Path, reading: Reading, first: int, limit: int | None, heard: Heard | None, head: int | None = None
) -> Table:
    """Read a file, or what the row cache holds of it. `head` reads only so many rows, and stores nothing.

    Raises DataError for a file that cannot be read or holds no row.
    """
    most = min(filter(None, (limit, head)), default=None)

    def located() -> Iterator[Located]:
        return counted(_first(read_records(path, reading), most), heard)

    if head is not None:
        return _in_memory(path, first, located(), "")
    if not path.is_file() or path.stat().st_size <= IN_MEMORY_BYTES:
        return _in_memory(path, first, located(), digest(path))
    total = known_digest(path, (lambda: heard(0)) if heard is not None else None)
    key = key_of(total, path.name, reading.split, reading.skips, limit)
    stored = StoredRecords.opened(key) or RecordStore(key).filled(located())
    return _checked(Table(path, first, stored.columns, stored, total))


def _in_memory(path: Path, first: int, located: Iterator[Located], total: str) -> Table:
    entries = list(located)
    columns = dict.fromkeys(name for _, found in entries if isinstance(found, dict) for name in found)
    return _checked(Table(path, first, tuple(columns), entries, total))


def _checked(table: Table) -> Table:
    if not table.columns:
        fault = next((found for _, found in table.entries if isinstance(found, Fault)), None)
        reason = f": {fault.sentence}" if fault else "."
        raise DataError(f"There are no examples in '{table.path.name}'{reason}", "Choose another file.")
    return table


def _first(located: Iterator[Located], most: int | None) -> Iterator[Located]:
    for number, found in enumerate(located, 1):
        yield found
        if most is not None and number >= most:
            return


def counted(items: Iterable[T], heard: Heard | None) -> Iterator[T]:
    """The same items; `heard` is told how many there were, every so many and every so often."""
    if heard is None:
        yield from items
        return
    due = time.monotonic() + _TELL_SECONDS
    for number, item in enumerate(items, 1):
        yield item
        if number % _TELL_EVERY == 0 or time.monotonic() > due:
            heard(number)
            due = time.monotonic() + _TELL_SECONDS
