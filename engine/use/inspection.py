"""What is known of a draft's data: its rows, what their tokens add up to, and views of single rows."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.data.dataset import mismatch, open_rows, split
from engine.data.rows import Feedback
from engine.data.table import Heard
from engine.job.events import Inspected, RowView
from engine.job.job import Job, require_data
from engine.models.tally import Tally

if TYPE_CHECKING:  # it imports torch, which the first look at a file need not wait for
    from engine.use.row_tokens import RowTokens

MOST_ROWS = 500
MOST_LENGTHS = 100_000
_LONGEST_CELL = 20_000
_LISTED = 1000
_DETAILS = 100
_BY_WEIGHT = "the weight of its file"
_SHARES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}


class Inspection:
    """A draft's data, read. `count` adds what tokens tell; `tokens` is set once there is a tokenizer.

    `refusal` says why no tokens can be had for this job. `head` reads only about so many rows, for a first look; `heard` is told how many were read.
    Raises EngineError when the draft names no data, or the data cannot be used.
    """

    def __init__(self, job: Job, head: int | None = None, heard: Heard | None = None) -> None:
        require_data(job)
        self.job = job
        self.found = open_rows(job.data, section=job.rows, head=head, heard=heard, is_first_meeting=True)
        self.rows = self.found.rows.unique()
        self.tokens: RowTokens | None = None
        self.tally = Tally(())
        self.remarks: list[str] = []
        self.refusal = self._narrowed = ""
        self._searched: tuple[str, Sequence[int]] = ("", ())
        _, held = split(self.found.rows, job.rows.validation, job.train.seed)
        self._held = set(held.numbers)
        self._reasons = {number: why for why, numbers in self.found.skipped.items() for number in numbers}
        self._remark_on_kind()
        if self.found.one_sided:
            self.remarks.append(self.found.one_sided)

    def use(self, tokens: "RowTokens", job: Job, narrowed: str = "") -> None:
        """Show tokens from now on, as `job` cuts rows. `narrowed` says why it is not as asked."""
        self.tokens, self.tally = tokens, Tally(tokens.ends)
        self.job, self._narrowed = job, narrowed

    def count(self, heard: Heard | None = None) -> None:
        """Look at every row's tokens; does nothing before `use`. `heard` is told how many rows are encoded."""
        if self.tokens is not None:
            self.tally = self.tokens.tally(self.rows, self.found.bytes, heard)

    def summary(self, is_complete: bool = True) -> Inspected:
        """All that is known so far."""
        found, tally, tokens = self.found, self.tally, self.tokens
        skipped = {**found.skipped, **tally.refused}
        limit = self.job.rows.max_tokens
        lengths = [*tally.lengths, *tally.lengths_rejected]
        refusal = tally.refusal(limit) if is_complete else None
        too_long = sum(length > limit for length in lengths)
        known = tokens.remarks(tally) if tokens and is_complete else ()
        narrowed = (self._narrowed,) if self._narrowed and too_long and is_complete else ()
        return Inspected(
            shape=found.shape,
            rows_kind="" if found.unrecognised else found.rows_kind,
            evidence=found.evidence,
            columns=found.columns,
            roles=found.roles,
            rows=found.total,
            usable=len(self.rows) - sum(map(len, tally.refused.values())),
            skipped={why: len(numbers) for why, numbers in skipped.items()},
            skipped_rows={why: tuple(numbers[:_LISTED]) for why, numbers in skipped.items()},
            duplicates=found.duplicates,
            cut=tally.cut,
            validation_rows=len(self._held),
            lengths=_even_choice(tally.lengths),
            lengths_rejected=_even_choice(tally.lengths_rejected),
            percentiles=_percentiles(lengths),
            trained_share=tally.trained / tally.kept if tally.kept else 0.0,
            template=tokens.template.name if tokens else "",
            end_tokens=tokens.end_texts() if tokens else (),
            bytes=found.bytes,
            remarks=(*narrowed, *self.remarks, *known),
            is_complete=is_complete,
            is_first_look=found.is_head,
            refusal=self.refusal or (str(refusal) if refusal else found.unrecognised),
            duplicate_rows=found.duplicate_rows,
            cut_rows=tuple(tally.cut_rows),
            endless_rows=tuple(tally.endless_rows),
            details=self._details(),
            too_long=too_long,
            divided=tally.divided,
            tokens=tally.kept,
            trained_tokens=tally.trained,
            labels=found.labels,
            sources=found.sources(),
        )

    def show(
        self,
        start: int,
        count: int,
        with_tokens: bool = False,
        search: str = "",
        heard: Heard | None = None,
    ) -> tuple[tuple[RowView, ...], int]:
        """Rows from index `start` of those that hold `search`, unusable ones included, and how many there are.

        `heard` is told how many rows were searched, and may end the search by raising.
        """
        numbers: Sequence[int] = range(1, self.found.total + 1)
        if search:
            if search != self._searched[0]:
                self._searched = (search, self.found.holding(search, heard))
            numbers = self._searched[1]
        chosen = numbers[max(0, start) : max(0, start) + min(count, MOST_ROWS)]
        return tuple(self._view(number, with_tokens) for number in chosen), len(numbers)

    def _view(self, number: int, with_tokens: bool) -> RowView:
        cells = {column: _cell(value) for column, value in self.found.record(number).items()}
        path, line = self.found.place(number)
        row = self.found.row(number)
        problem = self._reasons.get(number, "" if row or self.found.unrecognised else _BY_WEIGHT)
        view = RowView(
            number,
            cells,
            problem=self.found.detail(number) or problem,
            is_validation=number in self._held,
            file=path.name,
            line=line,
            label=row.label if isinstance(row, Feedback) else None,
            is_used=row is not None or bool(self.found.unrecognised),
        )
        if row is None or not with_tokens or self.tokens is None:
            return view
        return self.tokens.fill(view, row)

    def _details(self) -> dict[str, str]:
        numbers = (number for numbers in self.found.skipped.values() for number in numbers[:_DETAILS])
        found = {str(number): self.found.detail(number) for number in numbers}
        return {number: text for number, text in found.items() if text}

    def _remark_on_kind(self) -> None:
        """The draft's method may need another kind of rows; that is worth knowing here, and no fault yet."""
        card, kind = self.job.method_card, self.found.rows_kind
        if card.rows != kind and not self.found.unrecognised:
            self.remarks.append(str(mismatch("This data", kind, card.rows, card.title)))


def _percentiles(lengths: Sequence[int]) -> dict[str, int]:
    """Lengths that so many percent of the rows stay within."""
    if not lengths:
        return {}
    ordered = sorted(lengths)
    return {name: ordered[max(0, -(-len(ordered) * share // 100) - 1)] for name, share in _SHARES.items()}


def _even_choice(lengths: Sequence[int]) -> tuple[int, ...]:
    """All lengths in the order of their rows; of very many, as many as can be sent, evenly taken by size."""
    if len(lengths) <= MOST_LENGTHS:
        return tuple(lengths)
    ordered = sorted(lengths)
    return tuple(ordered[i * (len(ordered) - 1) // (MOST_LENGTHS - 1)] for i in range(MOST_LENGTHS))


def _cell(value: object) -> str:
    """What stands in a cell, as text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…"
