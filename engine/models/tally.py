"""What many encoded rows add up to: lengths, what is learned, what was refused, and what a person should know."""

from array import array
from collections.abc import Sequence
from typing import Any

from engine.data.store import as_array
from engine.job.errors import DataError
from engine.library.arithmetic import plural
from engine.models.encoded import ANSWER_TOO_LONG, TOO_LONG
from engine.models.encoded_table import EncodedTable

NOTHING_LEARNED = "nothing to learn from is left after the cut"
NO_TOKEN_LEARNED = "no token of it is learned"
_LISTED = 1000
_NAMED = 5


class Tally:
    """Sums over encoded rows. Lengths are those before the cut, in tokens; `refused` holds row numbers by reason.

    `ends`: the ids that end an answer.
    """

    def __init__(self, ends: Sequence[int], table: EncodedTable | None = None) -> None:
        self.ends = ends
        self.lengths, self.lengths_rejected = array("i"), array("i")
        self.refused: dict[str, list[int]] = {}
        self.cut_rows: list[int] = []
        self.endless_rows: list[int] = []
        self.cut = self.endless = self.divided = self.trained = self.kept = self.controls = self.joined = (
            self.rows
        ) = 0
        if table is not None:
            self._add_up(table)
            self._find_rows(table)

    def _add_up(self, table: EncodedTable) -> None:
        from pyarrow import compute as pc

        def total(column: Any) -> int:  # Any: pyarrow is not typed
            return pc.sum(column).as_py() or 0

        column = table.column
        is_first = pc.equal(column("part"), 0)
        has_controls = pc.greater(pc.add(column("controls0"), column("controls1")), 0)
        self.rows = total(is_first)
        self.kept = total(column("tokens0")) + total(column("tokens1"))
        self.trained = total(column("learned0")) + total(column("learned1"))
        self.divided = total(pc.and_(is_first, pc.greater(column("parts"), 1)))
        self.controls = total(pc.and_(is_first, has_controls))
        self.joined = total(pc.greater(pc.add(column("joined0"), column("joined1")), 0))
        self.lengths, self.lengths_rejected = (
            as_array(column(name).filter(pc.greater_equal(column(name), 0)), "i")
            for name in ("whole0", "whole1")
        )

    def _find_rows(self, table: EncodedTable) -> None:
        """Note the rows that a person should know of."""
        from pyarrow import compute as pc

        column, teaches = table.column, table.teaches()
        is_cut = pc.greater(pc.add(column("cut0"), column("cut1")), 0)
        self.cut = pc.sum(is_cut).as_py() or 0
        self.cut_rows = column("number").filter(is_cut).slice(0, _LISTED).to_pylist()
        is_whole = pc.and_(pc.equal(column("parts"), 1), teaches)
        endless = pc.and_(is_whole, pc.or_(self._is_endless(table, 0), self._is_endless(table, 1)))
        self.endless = pc.sum(endless).as_py() or 0
        self.endless_rows = column("number").filter(endless).slice(0, _LISTED).to_pylist()
        useless = pc.invert(teaches)
        found = (column(name).filter(useless).to_pylist() for name in ("number", "reason"))
        for number, reason, lost in zip(*found, is_cut.filter(useless).to_pylist(), strict=True):
            self._refuse(number, reason or (NOTHING_LEARNED if lost else NO_TOKEN_LEARNED))

    def _is_endless(self, table: EncodedTable, side: int) -> Any:  # Any: pyarrow is not typed
        """For each line whether this side is there, was not cut, and ends with something else than an end token."""
        import pyarrow
        from pyarrow import compute as pc

        ends = pyarrow.array(list(self.ends), pyarrow.int32())
        is_there = pc.greater(table.column("sides"), side)
        is_uncut = pc.and_(is_there, pc.equal(table.column(f"cut{side}"), 0))
        return pc.and_(is_uncut, pc.invert(pc.is_in(table.column(f"last{side}"), value_set=ends)))

    @property
    def usable(self) -> int:
        """Rows to learn from."""
        return self.rows - sum(map(len, self.refused.values()))

    def refusal(self, limit: int) -> DataError | None:
        """Why training cannot start at all, None when it can. `limit`: the job's `rows.max_tokens`."""
        if self.usable or not self.rows:
            return None
        too_long = [*self.refused.get(TOO_LONG, ()), *self.refused.get(ANSWER_TOO_LONG, ())]
        too_long += self.refused.get(NOTHING_LEARNED, ())
        if len(too_long) == self.rows:
            title = (
                f"0 of {self.rows} rows fit {limit} tokens with something to learn ({row_words(too_long)})."
            )
            return DataError(title, "Raise [rows] max_tokens, or shorten the rows.")
        reason, numbers = max(self.refused.items(), key=lambda found: len(found[1]))
        title = f"None of {self.rows} rows can be used. Row {numbers[0]}: {reason.rstrip('.')}"
        return DataError(f"{title} ({row_words(numbers)}).", "Mend the rows, or choose another template.")

    def remarks(self, folds_system: bool = False, pad: int | None = None) -> tuple[str, ...]:
        """What a person should know before training, a sentence each. `pad`: the tokenizer's padding token."""
        share = self.trained / self.kept if self.kept else 1.0
        nothing = [*self.refused.get(NOTHING_LEARNED, ()), *self.refused.get(NO_TOKEN_LEARNED, ())]
        endless = row_words(self.endless_rows, self.endless)
        found = {
            "The template gives no end token: the model may not learn to stop.": not self.ends,
            f"{_count(self.endless)} not end with an end token ({endless}): the model may not learn to stop.": (
                self.endless and self.ends
            ),
            f"{_count(len(nothing))} not hold anything to learn ({row_words(nothing)}).": nothing,
            f"Less than 1 % of the tokens are learned ({share:.2%}).": share < 0.01,
            "The model pads with its end token; the end of every answer is learned all the same.": (
                pad is not None and pad in self.ends
            ),
            "The template has no system role: system messages stand before the first question.": folds_system,
            f"{self.controls} rows hold text that reads like a control token; it stays text.": self.controls,
            f"In {plural(self.joined, 'row')} the first token of an answer also holds the end of the prompt; it is learned whole.": (
                self.joined
            ),
        }
        return tuple(sentence for sentence, holds in found.items() if holds)

    def _refuse(self, number: int, reason: str) -> None:
        self.refused.setdefault(reason, []).append(number)


def row_words(numbers: Sequence[int], total: int | None = None) -> str:
    """The first of some row numbers and how many more there are: "rows 1, 2, 3 and 9 more".

    `total`: how many there are, where `numbers` are only the first of them.
    """
    ordered = sorted(numbers)
    count = len(ordered) if total is None else total
    more = count - min(_NAMED, len(ordered))
    named = ", ".join(map(str, ordered[:_NAMED]))
    return f"row{'' if count == 1 else 's'} {named}{f' and {more} more' if more > 0 else ''}"


def _count(rows: int) -> str:
    return "1 row does" if rows == 1 else f"{rows} rows do"
