"""All sources of a job as one set of rows: read, recognised, checked, counted and hashed."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from engine.data.folders import files_of
from engine.data.reading import Reading, Record
from engine.data.rows import Row, RowKind
from engine.data.rows_view import Part, Rows
from engine.data.scan import Scan, scan
from engine.data.searching import numbers_holding
from engine.data.shapes import UnrecognisedError, detect, evidence, unknown
from engine.data.splitting import split
from engine.data.store import as_arrow
from engine.data.table import Heard, read_table
from engine.job.datasets import SourceRead
from engine.job.errors import DataError
from engine.job.methods import METHODS
from engine.job.sections import DataSource, RowsSection
from engine.library.dataset_parts import split_of

__all__ = ["RowSet", "Skipped", "mismatch", "open_rows", "split"]

DUPLICATE = "equal to an earlier row"
_SAMPLE = 100
_SENTENCES = 3


@dataclass(frozen=True)
class Skipped:
    """A row that is left out: its number, where it stands (line 0: the file has none), and why."""

    number: int
    file: str
    line: int
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class RowSet:
    """The rows of a job. Row numbers count from 1 over all files, unusable rows included.

    `unrecognised`: why nothing is known of the rows but their columns, "" as a rule.
    `rows`: usable ones in order, built as they are asked for; a source's weight repeats or thins them. `roles`:
    column of each role, in the form of a source's `columns`. `skipped`: row numbers by reason.
    `duplicates`: how many rows equal an earlier one, `duplicate_rows` the first of their numbers. `hashes`:
    SHA-256 by path. `bytes`: size of the files. `labels`: bad and good rows of feedback. `is_head`: only the
    first rows were read.
    """

    rows: Rows
    shape: str
    rows_kind: RowKind
    evidence: str
    columns: tuple[str, ...]
    roles: dict[str, str]
    skipped: dict[str, list[int]]
    duplicates: int
    duplicate_rows: tuple[int, ...]
    hashes: dict[str, str]
    bytes: int
    labels: tuple[int, int] = (0, 0)
    is_head: bool = False
    unrecognised: str = ""
    parts: tuple[Part, ...] = field(default=(), repr=False)

    @property
    def total(self) -> int:
        """Rows read, usable or not."""
        return sum(len(part.table) for part in self.parts)

    def sources(self) -> tuple[SourceRead, ...]:
        """What was read of each source, in their order."""
        found: list[list[Part]] = []
        for part in self.parts:
            if found and found[-1][0].source is part.source:
                found[-1].append(part)
            else:
                found.append([part])
        return tuple(_read_of(parts) for parts in found)

    @property
    def one_sided(self) -> str:
        """A sentence for feedback that has thumbs of one kind alone, "" for everything else."""
        bad, good = self.labels
        if bool(bad) == bool(good):
            return ""
        return f"All answers are labelled {'good' if good else 'bad'}: feedback needs some of either kind."

    def record(self, number: int) -> Record:
        """What stands in the file for a row number; raises IndexError beyond the end."""
        part = self._part(number)
        return part.table.record(number - part.table.first)

    def place(self, number: int) -> tuple[Path, int]:
        """The file of a row number and its line there, 0 in a file without lines."""
        part = self._part(number)
        return part.table.path, part.table.entries[number - part.table.first][0]

    def row(self, number: int) -> Row | None:
        """The row of a number; None when it cannot be used or was left out."""
        at = bisect_left(self._used, number)
        is_used = at < len(self._used) and self._used[at] == number
        return self.rows.numbered(number) if is_used else None

    @cached_property
    def _used(self) -> "array[int]":
        return self.rows.unique().numbers

    def detail(self, number: int) -> str:
        """The sentence that says what is wrong with a row, "" where the reason says it all."""
        part = self._part(number)
        return part.scan.details.get(number - part.table.first, "")

    def skipped_rows(self) -> Iterator[Skipped]:
        """Every row that is left out, by reason."""
        for reason, numbers in self.skipped.items():
            for number in numbers:
                path, line = self.place(number)
                yield Skipped(number, path.name, line, reason, self.detail(number))

    def holding(self, text: str, heard: Heard | None = None) -> "array[int]":
        """The numbers of the rows that hold a text in a column; `heard` as for `open_rows`."""
        return numbers_holding([part.table for part in self.parts], text, heard)

    def _part(self, number: int) -> Part:
        for part in self.parts:
            if part.table.first <= number < part.table.first + len(part.table):
                return part
        raise IndexError(number)


def _read_of(parts: Sequence[Part]) -> SourceRead:
    columns = dict.fromkeys(column for part in parts for column in part.table.columns)
    return SourceRead(sum(len(part.table) for part in parts), tuple(columns), parts[0].roles)


def open_rows(
    sources: Sequence[DataSource],
    rows_kind: RowKind | None = None,
    needed_by: str = "",
    section: RowsSection | None = None,
    heard: Heard | None = None,
    head: int | None = None,
    is_first_meeting: bool = False,
) -> RowSet:
    """Read all sources. With `rows_kind`, data of another kind is refused (`needed_by`: the method's title).

    A weight of 2 lists each row twice, a weight of 0.25 keeps an even quarter of the rows, always the same.
    `section` says whether malformed lines are skipped and duplicates dropped. `heard` is told how many rows were
    read. `head` reads only about so many rows, for a first look. `is_first_meeting` takes a file whose columns do
    not tell what its rows are: a person is about to; there are no usable rows then.
    Raises DataError naming file, line and field; rows without a usable answer are passed over and counted.
    """
    section = section or RowsSection()
    refusals: list[str] = []
    parts = list(
        _parts(sources, section.malformed == "skip", heard, head, refusals if is_first_meeting else None)
    )
    if not parts:
        raise DataError("No data was chosen.", "Choose a file with examples.")
    if not refusals:
        _check_kinds(parts, rows_kind, needed_by)
    return _row_set(parts, section.duplicates == "drop", head is not None, " ".join(refusals))


def _parts(
    sources: Sequence[DataSource],
    skips: bool,
    heard: Heard | None,
    head: int | None,
    refusals: list[str] | None,
) -> Iterator[Part]:
    """Each file, read and looked at. One that is not recognised is noted in `refusals`, or raises without it."""
    first = 1
    for source in sources:
        for path in files_of(source):
            table = read_table(
                path,
                Reading(_split_within(source, path), skips),
                first,
                source.limit,
                _from(first - 1, heard),
                head,
            )
            sample = [found for _, found in table.entries[:_SAMPLE] if isinstance(found, dict)]
            try:
                shape, roles = detect(table.columns, source.shape, source.columns, path.name, sample)
            except UnrecognisedError as error:
                if refusals is None:
                    raise
                refusals.append(error.title)
                yield Part(source, table, *unknown(source.columns), Scan())
            else:
                found = scan(table, shape, roles, skips, _from(first - 1, heard))
                yield Part(source, table, shape, roles, found)
            first += len(table)
            if head is not None and first > head:
                return


def _split_within(source: DataSource, path: Path) -> str | None:
    """The split to look for within a file: none where the file's own name was why it was taken."""
    is_itself = Path(source.path).expanduser() == path
    return source.split if is_itself or not split_of(f"{path.parent.name}/{path.name}") else None


def _from(before: int, heard: Heard | None) -> Callable[[int], None] | None:
    """One file's count of rows as that of all files."""
    return None if heard is None else lambda count: heard(before + count)


_KINDS = {
    "conversation": ("questions with answers", "instruction tuning"),
    "preference": ("chosen and rejected answers", "a preference method such as DPO"),
    "feedback": ("answers with thumbs up or down", "a feedback method such as KTO"),
    "text": ("plain texts", "continued pretraining"),
}


def mismatch(name: str, has: RowKind, wanted: RowKind, needed_by: str = "") -> DataError:
    """The error for data of one kind where a method (by its title) needs another."""
    things, method = _KINDS[has]
    title = f"{name} has no {_KINDS[wanted][0]}, which {needed_by or 'this method'} needs; it has {things}."
    if not any(card.rows == has for card in METHODS.values()):
        return DataError(title, "No method learns from such rows yet: choose another kind of rows.")
    return DataError(title, f"Choose {method}, or another file.")


def _check_kinds(parts: Sequence[Part], wanted: RowKind | None, needed_by: str) -> None:
    for part in parts:
        kind, name = part.shape.rows, part.table.path.name
        if wanted is not None and kind != wanted:
            raise mismatch(f"'{name}'", kind, wanted, needed_by)
        if kind != parts[0].shape.rows:
            other = f"'{parts[0].table.path.name}' {_KINDS[parts[0].shape.rows][0]}"
            title = f"The files hold different kinds of rows: {other}, '{name}' {_KINDS[kind][0]}."
            raise DataError(title, "Take one of them out, and train on them one after the other.")


def _row_set(parts: list[Part], drops: bool, is_head: bool, unrecognised: str) -> RowSet:
    skipped: dict[str, list[int]] = {}
    for part in parts:
        for reason, indices in part.scan.skipped.items():
            skipped.setdefault(reason, []).extend(part.table.first + index for index in indices)
    equal = _equal_to_earlier(parts)
    if drops and equal:
        skipped[DUPLICATE] = sorted(equal)
    rows = _rows([] if unrecognised else parts, equal if drops else set())
    if not rows and not unrecognised:
        raise _nothing_usable(parts, skipped)
    return RowSet(
        rows=rows,
        shape=parts[0].shape.kind,
        rows_kind=parts[0].shape.rows,
        evidence="" if unrecognised else _evidence(parts),
        columns=tuple(dict.fromkeys(column for part in parts for column in part.table.columns)),
        roles=parts[0].roles,
        skipped=skipped,
        duplicates=len(equal),
        duplicate_rows=tuple(sorted(equal)[:_SAMPLE]),
        hashes={str(part.table.path): part.table.hash for part in parts if part.table.hash},
        bytes=sum(part.table.path.stat().st_size for part in parts),
        labels=(sum(p.scan.labels[0] for p in parts), sum(p.scan.labels[1] for p in parts)),
        is_head=is_head,
        unrecognised=unrecognised,
        parts=tuple(parts),
    )


def _evidence(parts: Sequence[Part]) -> str:
    """One sentence for all files that are alike; a few of them, each with a file's name, where they are not."""
    alike: dict[str, list[Part]] = {}
    for part in parts:
        alike.setdefault(f"{part.shape.kind} {part.roles}", []).append(part)
    sentences = []
    for group in alike.values():
        full, total = sum(part.scan.full for part in group), sum(len(part.table) for part in group)
        sentence = evidence(group[0].shape, group[0].roles, full, total)
        sentences.append(f"{group[0].table.path.name}: {sentence}" if len(alike) > 1 else sentence)
    more = (
        [f"And {len(sentences) - _SENTENCES} more kinds of columns."] if len(sentences) > _SENTENCES else []
    )
    return " ".join([*sentences[:_SENTENCES], *more])


def _nothing_usable(parts: Sequence[Part], skipped: dict[str, list[int]]) -> DataError:
    reasons = ", ".join(f"{reason} ({len(numbers)})" for reason, numbers in skipped.items())
    names = ", ".join(f"'{part.table.path.name}'" for part in parts)
    detail = next((text for part in parts for text in part.scan.details.values()), "")
    title = f"No row of {names} can be used: {reasons}. {detail}".strip()
    return DataError(title.removesuffix(".") + ".", "Mend the rows, or choose another file.")


def _equal_to_earlier(parts: Sequence[Part]) -> set[int]:
    """Numbers of the rows that say the same as an earlier one; a row repeated by its weight is not meant."""
    import pyarrow

    columns = [as_arrow(part.scan.contents) for part in parts]
    codes = pyarrow.concat_arrays(columns).dictionary_encode()
    if len(codes.dictionary) == len(codes):
        return set()
    equal, seen, at = set[int](), -1, 0
    for part in parts:
        for index in part.scan.usable:
            code = codes.indices[at].as_py()  # the first of each is one more than all before
            if code > seen:
                seen = code
            else:
                equal.add(part.table.first + index)
            at += 1
    return equal


def _rows(parts: Sequence[Part], dropped: set[int]) -> Rows:
    numbers, prompts = array("I"), array("Q")
    for part in parts:
        first, found = part.table.first, part.scan
        kept = range(len(found.usable))
        if dropped:
            kept = [i for i in kept if first + found.usable[i] not in dropped]  # type: ignore[assignment]
        for at in _weighted(kept, part.source.weight):
            numbers.append(first + found.usable[at])
            prompts.append(found.prompts[at])
    return Rows(parts, numbers, prompts)


def _weighted(rows: Sequence[int], weight: float) -> Iterator[int]:
    """Each row floor(weight) times, and an even share of them once more for the rest of the weight."""
    whole, rest = int(weight), weight - int(weight)
    for _ in range(whole):
        yield from rows
    extra = round(rest * len(rows))
    if extra == 0 and not whole:
        yield from rows[:1]
    yield from (rows[index * len(rows) // extra] for index in range(extra))
