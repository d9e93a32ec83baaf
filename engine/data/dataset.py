"""All sources of a job as one set of rows: read, recognised, checked, counted, hashed and split by prompt."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from engine.data.files import digest
from engine.data.folders import files_of
from engine.data.readers import Record, read_records
from engine.data.rows import Row, RowKind, kind_of, prompt_key
from engine.data.shapes import Shape, detect, evidence
from engine.data.values import UnusableRowError, Values
from engine.job.errors import DataError
from engine.job.sections import DataSource

R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Table:
    """One file as it stands: its records in order. Row `first + i` of the set is `records[i]`."""

    path: Path
    first: int
    columns: tuple[str, ...]
    records: list[Record]
    lines: list[int]

    def where(self, index: int) -> str:
        """The words for one record in a message."""
        line = f" (line {self.lines[index]})" if self.lines[index] else ""
        return f"Row {index + 1}{line} of '{self.path.name}'"


@dataclass(frozen=True)
class RowSet:
    """The rows of a job. Row numbers count from 1 over all files, unusable rows included.

    `rows`: usable ones in order; a source's weight repeats or thins them. `roles`: column of each role, in
    the form of a source's `columns`. `skipped`: row numbers by reason. `duplicates`: rows equal to an earlier
    one. `hashes`: SHA-256 by path. `bytes`: size of the files. `total`: rows read.
    """

    rows: list[Row]
    shape: str
    rows_kind: RowKind
    evidence: str
    columns: tuple[str, ...]
    roles: dict[str, str]
    skipped: dict[str, list[int]]
    duplicates: int
    hashes: dict[str, str]
    bytes: int
    tables: tuple[Table, ...] = field(repr=False)

    @property
    def total(self) -> int:
        """Rows read, usable or not."""
        return sum(len(table.records) for table in self.tables)

    def record(self, number: int) -> Record:
        """What stands in the file for a row number; raises IndexError beyond the end."""
        for table in self.tables:
            if table.first <= number < table.first + len(table.records):
                return table.records[number - table.first]
        raise IndexError(number)


def open_rows(sources: Sequence[DataSource], rows_kind: RowKind | None = None, needed_by: str = "") -> RowSet:
    """Read all sources. With `rows_kind`, data of another kind is refused (`needed_by`: the method's title).

    A weight of 2 lists each row twice, a weight of 0.25 keeps an even quarter of the rows, always the same.
    Raises DataError naming file, line and field; rows without a usable answer are passed over and counted.
    """
    parts: list[_Part] = []
    for source in sources:
        for path in files_of(Path(source.path).expanduser(), source.split):
            first = parts[-1].table.first + len(parts[-1].table.records) if parts else 1
            parts.append(_read_part(path, source, first))
    if not parts:
        raise DataError("No data was chosen.", "Choose a file with examples.")
    _check_kinds(parts, rows_kind, needed_by)
    rows, skipped = [], dict[str, list[int]]()
    for part in parts:
        rows.extend(_weighted(_usable(part, skipped), part.source.weight))
    if not rows:
        reasons = ", ".join(f"{reason} ({len(numbers)})" for reason, numbers in skipped.items())
        names = _names(parts)
        raise DataError(
            f"No row of {names} can be used: {reasons}.", "Mend the rows, or choose another file."
        )
    return _row_set(parts, rows, skipped)


def split(rows: Sequence[R], share: float, seed: int) -> tuple[list[R], list[R]]:
    """Training and validation rows: rows with the same prompt stay together, a seed always gives the same.

    Validation gets about `share` of the rows, at least one when share > 0 and there are two prompts.
    A row that a weight repeats stands in validation once.
    """
    sizes: dict[str, int] = {}
    keys = [prompt_key(row) for row in rows] if share > 0 else []
    for key in keys:
        sizes[key] = sizes.get(key, 0) + 1
    if len(sizes) < 2:
        return list(rows), []
    held = _held_out(sizes, max(1, round(share * len(rows))), seed)
    train = [row for row, key in zip(rows, keys, strict=True) if key not in held]
    kept = {row.number: row for row, key in zip(rows, keys, strict=True) if key in held}
    return train, list(kept.values())


def _held_out(sizes: Mapping[str, int], wanted: int, seed: int) -> set[str]:
    """Prompts drawn at random as long as they fit into `wanted` rows; if none fits, the one with fewest rows."""
    drawn = sorted(sizes)
    random.Random(seed).shuffle(drawn)
    held, room = set[str](), wanted
    for key in drawn:
        if sizes[key] <= room:
            held.add(key)
            room -= sizes[key]
    held = held or {min(drawn, key=lambda key: sizes[key])}
    return held if len(held) < len(sizes) else held - {drawn[-1]}


@dataclass(frozen=True)
class _Part:
    source: DataSource
    table: Table
    shape: Shape
    roles: dict[str, str]


def _read_part(path: Path, source: DataSource, first: int) -> _Part:
    records, lines, columns = list[Record](), list[int](), dict[str, None]()
    for line, record in read_records(path, source.split):
        records.append(record)
        lines.append(line)
        columns.update(dict.fromkeys(record))
        if source.limit is not None and len(records) >= source.limit:
            break
    if not records:
        raise DataError(f"There are no examples in '{path.name}'.", "Choose another file.")
    shape, roles = detect(tuple(columns), source.shape, source.columns, path.name)
    return _Part(source, Table(path, first, tuple(columns), records, lines), shape, roles)


_KINDS = {
    "conversation": ("questions with answers", "instruction tuning"),
    "preference": ("chosen and rejected answers", "a preference method such as DPO"),
    "text": ("plain texts", "continued pretraining"),
}


def mismatch(name: str, has: RowKind, wanted: RowKind, needed_by: str = "") -> DataError:
    """The error for data of one kind where a method (by its title) needs another."""
    things, method = _KINDS[has]
    title = f"{name} has no {_KINDS[wanted][0]}, which {needed_by or 'this method'} needs; it has {things}."
    return DataError(title, f"Choose {method}, or another file.")


def _check_kinds(parts: Sequence[_Part], wanted: RowKind | None, needed_by: str) -> None:
    for part in parts:
        kind, name = part.shape.rows, part.table.path.name
        if wanted is not None and kind != wanted:
            raise mismatch(f"'{name}'", kind, wanted, needed_by)
        if kind != parts[0].shape.rows:
            other = f"'{parts[0].table.path.name}' {_KINDS[parts[0].shape.rows][0]}"
            title = f"The files hold different kinds of rows: {other}, '{name}' {_KINDS[kind][0]}."
            raise DataError(title, "Train on them one after the other.")


def _usable(part: _Part, skipped: dict[str, list[int]]) -> list[Row]:
    rows: list[Row] = []
    for index, record in enumerate(part.table.records):
        number = part.table.first + index
        try:
            rows.append(part.shape.build(number, Values(record, part.roles, part.table.where(index))))
        except UnusableRowError as error:
            skipped.setdefault(error.reason, []).append(number)
    return rows


def _weighted(rows: list[Row], weight: float) -> list[Row]:
    """Each row floor(weight) times, and an even share of them once more for the rest of the weight."""
    whole, rest = int(weight), weight - int(weight)
    extra = round(rest * len(rows))
    if extra == 0:
        return rows * whole if whole else rows[:1]
    chosen = {index * len(rows) // extra for index in range(extra)}
    return rows * whole + [row for index, row in enumerate(rows) if index in chosen]


def _duplicates(rows: Sequence[Row]) -> int:
    """How many of the rows say the same as an earlier one; a row repeated by its weight is not counted."""
    seen, numbers, count = set[tuple[object, ...]](), set[int](), 0
    for row in rows:
        if row.number in numbers:
            continue
        numbers.add(row.number)
        content = tuple(getattr(row, name) for name in row.__dataclass_fields__ if name != "number")
        count += content in seen
        seen.add(content)
    return count


def _row_set(parts: Sequence[_Part], rows: list[Row], skipped: dict[str, list[int]]) -> RowSet:
    sentences = [evidence(part.shape, part.roles, part.table.records) for part in parts]
    if len(parts) > 1:
        named = zip(parts, sentences, strict=True)
        sentences = [f"{part.table.path.name}: {sentence}" for part, sentence in named]
    paths = [part.table.path for part in parts]
    return RowSet(
        rows=rows,
        shape=parts[0].shape.kind,
        rows_kind=kind_of(rows[0]),
        evidence=" ".join(sentences),
        columns=tuple(dict.fromkeys(column for part in parts for column in part.table.columns)),
        roles=parts[0].roles,
        skipped=skipped,
        duplicates=_duplicates(rows),
        hashes={str(path): digest(path) for path in paths},
        bytes=sum(path.stat().st_size for path in paths),
        tables=tuple(part.table for part in parts),
    )


def _names(parts: Sequence[_Part]) -> str:
    return ", ".join(f"'{part.table.path.name}'" for part in parts)
