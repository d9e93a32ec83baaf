"""What is known of a draft's data: its rows, what their tokens add up to, and views of single rows."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine.data.dataset import mismatch, open_rows, split
from engine.data.rows import Row
from engine.job.events import Inspected, RowView, Token
from engine.job.job import Job, require_data
from engine.models.encoded import Encoded, EncodedPair, Refused

if TYPE_CHECKING:  # it imports torch, which the first look at a file need not wait for
    from engine.use.row_tokens import RowTokens

MOST_ROWS = 500
_LONGEST_CELL = 20_000
_LISTED = 1000
NOTHING_LEARNED = "nothing to learn from is left after the cut"
_BY_WEIGHT = "Left out by the weight of its file."
Result = Encoded | EncodedPair | Refused


class Inspection:
    """A draft's data, read. `count` adds what tokens tell; `tokens` is set once there is a tokenizer.

    Raises EngineError when the draft names no data, or the data cannot be used.
    """

    def __init__(self, job: Job) -> None:
        require_data(job)
        self.job = job
        self.found = open_rows(job.data)
        self.rows: list[Row] = list({row.number: row for row in self.found.rows}.values())
        self.tokens: RowTokens | None = None
        self.remarks: list[str] = []
        self._tally = _Tally()
        self._by_number = {row.number: row for row in self.rows}
        _, held = split(self.found.rows, job.rows.validation, job.train.seed)
        self._held = {row.number for row in held}
        self._reasons = {number: why for why, numbers in self.found.skipped.items() for number in numbers}
        self._remark_on_kind()

    def count(self, results: Iterable[Result]) -> None:
        """Add the tokens of some rows to the sums."""
        ends = self.tokens.ends if self.tokens else ()
        for result in results:
            self._tally.add(result, ends)

    def summary(self, is_complete: bool = True) -> Inspected:
        """All that is known so far."""
        found, tally, tokens = self.found, self._tally, self.tokens
        skipped = {**found.skipped, **tally.refused}
        return Inspected(
            shape=found.shape,
            rows_kind=found.rows_kind,
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
            lengths=tuple(tally.lengths),
            lengths_rejected=tuple(tally.lengths_rejected),
            percentiles=_percentiles([*tally.lengths, *tally.lengths_rejected]),
            trained_share=tally.trained / tally.kept if tally.kept else 0.0,
            template=tokens.template.name if tokens else "",
            end_tokens=tokens.end_texts() if tokens else (),
            bytes=found.bytes,
            remarks=(*self.remarks, *(tally.remarks(tokens) if tokens and is_complete else ())),
            is_complete=is_complete,
        )

    def show(
        self, start: int, count: int, with_tokens: bool = False, search: str = ""
    ) -> tuple[tuple[RowView, ...], int]:
        """Rows from index `start` of those that hold `search`, unusable ones included, and how many there are."""
        numbers: Sequence[int] = range(1, self.found.total + 1)
        if search:
            numbers = [number for number in numbers if self._holds(number, search.casefold())]
        chosen = numbers[max(0, start) : max(0, start) + min(count, MOST_ROWS)]
        return tuple(self._view(number, with_tokens) for number in chosen), len(numbers)

    def _view(self, number: int, with_tokens: bool) -> RowView:
        cells = {column: _cell(value) for column, value in self.found.record(number).items()}
        row = self._by_number.get(number)
        problem = self._reasons.get(number, "" if row else _BY_WEIGHT)
        tokens: tuple[Token, ...] = ()
        rejected: tuple[Token, ...] = ()
        if row is not None and with_tokens and self.tokens is not None:
            tokens, rejected, problem = self.tokens.view(row)
        return RowView(number, cells, tokens, rejected, problem, number in self._held)

    def _holds(self, number: int, text: str) -> bool:
        return any(text in _cell(value).casefold() for value in self.found.record(number).values())

    def _remark_on_kind(self) -> None:
        """The draft's method may need another kind of rows; that is worth knowing here, and no fault yet."""
        card, kind = self.job.method_card, self.found.rows_kind
        if card.rows != kind:
            self.remarks.append(str(mismatch("This data", kind, card.rows, card.title)))


class _Tally:
    """Sums over encoded rows."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.lengths_rejected: list[int] = []
        self.refused: dict[str, list[int]] = {}
        self.cut = self.trained = self.kept = self.controls = self.endless = 0

    def add(self, result: Result, ends: Sequence[int]) -> None:
        """Count one row; lengths are those before the cut."""
        if isinstance(result, Refused):
            self.refused.setdefault(result.reason, []).append(result.number)
            return
        sides = (result.chosen, result.rejected) if isinstance(result, EncodedPair) else (result,)
        for side, lengths in zip(sides, (self.lengths, self.lengths_rejected), strict=False):
            lengths.append(len(side.ids) + side.cut)
            self.kept += len(side.ids)
            self.trained += sum(side.trained)
        self.cut += any(side.cut for side in sides)
        self.controls += any(side.controls for side in sides)
        if not all(any(side.trained) for side in sides):
            self.refused.setdefault(NOTHING_LEARNED, []).append(result.number)
        elif any(not side.cut and _last_learned(side) not in ends for side in sides):
            self.endless += 1

    def remarks(self, tokens: "RowTokens") -> tuple[str, ...]:
        """What a person should know before training, a sentence each."""
        share = self.trained / self.kept if self.kept else 1.0
        folds = tokens.template.writer.folds_system
        found = {
            "The template gives no end token: the model may not learn to stop.": not tokens.ends,
            f"{_rows(self.endless)} not end with an end token, so the model may not learn to stop.": (
                self.endless and tokens.ends
            ),
            f"Less than 1 % of the tokens are learned ({share:.2%}).": share < 0.01,
            "The template has no system role: system messages stand before the first question.": folds,
            f"{self.controls} rows hold text that reads like a control token; it stays text.": self.controls,
        }
        return tuple(sentence for sentence, holds in found.items() if holds)


def _rows(count: int) -> str:
    return "1 row does" if count == 1 else f"{count} rows do"


def _last_learned(side: Encoded) -> int:
    return next(
        number
        for number, is_trained in zip(reversed(side.ids), reversed(side.trained), strict=True)
        if is_trained
    )


def _percentiles(lengths: list[int]) -> dict[str, int]:
    """Lengths that so many percent of the rows stay within."""
    if not lengths:
        return {}
    ordered = sorted(lengths)
    shares = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
    return {name: ordered[max(0, -(-len(ordered) * share // 100) - 1)] for name, share in shares.items()}


def _cell(value: object) -> str:
    """What stands in a cell, as text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…"
