"""One look at every record of a table: which can be used, what they ask, what is wrong with the others."""

from array import array
from dataclasses import dataclass, field

from engine.data.reading import MALFORMED, SKIPPING, Fault
from engine.data.rows import Feedback, Row, content_key, prompt_key
from engine.data.shapes import Shape, is_full
from engine.data.store import Columns, StoredColumns, key_of
from engine.data.table import IN_MEMORY_BYTES, Heard, Table, counted
from engine.data.values import UnusableRowError, Values
from engine.job.errors import DataError

WRONG_FIELD = "missing or wrong field"
_DETAILS = 1000
_PIECE = 65536


@dataclass
class Scan:
    """What was found. Indices count from 0 within the table.

    `usable`: the indices; `prompts` and `contents`: keys of what each of them asks and says. `skipped`: indices
    by reason; `details`: the sentence for some of them. `full`: records with all that the shape needs.
    `labels`: how many rows of feedback are bad and good.
    """

    usable: "array[int]" = field(default_factory=lambda: array("I"))
    prompts: "array[int]" = field(default_factory=lambda: array("Q"))
    contents: "array[int]" = field(default_factory=lambda: array("Q"))
    skipped: dict[str, list[int]] = field(default_factory=dict)
    details: dict[int, str] = field(default_factory=dict)
    full: int = 0
    labels: list[int] = field(default_factory=lambda: [0, 0])

    def skip(self, index: int, reason: str, sentence: str = "") -> None:
        """Note a record that gives no row."""
        self.skipped.setdefault(reason, []).append(index)
        if sentence and len(self.details) < _DETAILS:
            self.details[index] = sentence

    def add(self, index: int, row: Row) -> None:
        """Note a row."""
        self.usable.append(index)
        self.prompts.append(prompt_key(row))
        self.contents.append(content_key(row))
        if isinstance(row, Feedback):
            self.labels[row.label] += 1


def scan(table: Table, shape: Shape, roles: dict[str, str], skips: bool, heard: Heard | None = None) -> Scan:
    """Look at every record, or take what the cache holds; raises DataError for a bad record unless `skips`."""
    if not table.hash or table.path.stat().st_size <= IN_MEMORY_BYTES:
        return _looked(table, shape, roles, skips, heard)
    key = key_of("scan", table.hash, table.path.name, len(table), shape.kind, roles, skips)
    stored = StoredColumns.opened(key)
    if stored is not None:
        return _restored(stored)
    found = _looked(table, shape, roles, skips, heard)
    _keep(found, key)
    return found


def build(table: Table, index: int, shape: Shape, roles: dict[str, str]) -> Row:
    """The row of a record that can be used."""
    line, record = table.entries[index]
    assert isinstance(record, dict)
    return shape.build(table.first + index, Values(record, roles, table.where(index, line)))


def _looked(table: Table, shape: Shape, roles: dict[str, str], skips: bool, heard: Heard | None) -> Scan:
    found, needed = Scan(), [roles[role] for role in shape.needed]
    for index, (line, record) in enumerate(counted(table.entries, heard)):
        if isinstance(record, Fault):
            found.skip(index, MALFORMED, record.sentence)
            continue
        found.full += is_full(record, needed)
        try:
            row = shape.build(table.first + index, Values(record, roles, table.where(index, line)))
        except UnusableRowError as error:
            found.skip(index, error.reason)
        except DataError as error:
            if not skips:
                error.remedy = SKIPPING
                raise
            found.skip(index, WRONG_FIELD, error.title)
        else:
            found.add(index, row)
    return found


def _keep(found: Scan, key: str) -> None:
    out = Columns(key, {"usable": "uint32", "prompt": "uint64", "content": "uint64"})
    for start in range(0, len(found.usable), _PIECE):
        part = slice(start, start + _PIECE)
        out.write(
            {"usable": found.usable[part], "prompt": found.prompts[part], "content": found.contents[part]}
        )
    facts = {"skipped": found.skipped, "full": found.full, "labels": found.labels}
    out.finish({**facts, "details": {str(index): text for index, text in found.details.items()}})


def _restored(stored: StoredColumns) -> Scan:
    facts = stored.facts
    found = Scan(skipped=facts["skipped"], full=facts["full"], labels=facts["labels"])
    found.details = {int(index): text for index, text in facts["details"].items()}
    for batch in stored.batches():
        for column, target in zip(batch.columns, (found.usable, found.prompts, found.contents), strict=True):
            target.extend(column.to_pylist())
    return found
