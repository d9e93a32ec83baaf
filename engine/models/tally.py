"""What many encoded rows add up to: lengths, what is learned, what was refused, and what a person should know."""

from collections.abc import Sequence

from engine.job.errors import DataError
from engine.models.encoded import ANSWER_TOO_LONG, TOO_LONG, Encoded, EncodedPair, Refused, Result

NOTHING_LEARNED = "nothing to learn from is left after the cut"
NO_TOKEN_LEARNED = "no token of it is learned"
_LISTED = 1000
_NAMED = 5


class Tally:
    """Sums over encoded rows. Lengths are those before the cut; `refused` holds row numbers by reason."""

    def __init__(self, ends: Sequence[int]) -> None:
        self.ends = ends
        self.lengths: list[int] = []
        self.lengths_rejected: list[int] = []
        self.refused: dict[str, list[int]] = {}
        self.cut_rows: list[int] = []
        self.endless_rows: list[int] = []
        self.cut = self.divided = self.trained = self.kept = self.controls = self.rows = 0

    def add(self, result: Result) -> bool:
        """Count one row; whether something can be learned from it."""
        if isinstance(result, Refused):
            self.rows += 1
            self._refuse(result.number, result.reason)
            for length, lengths in zip(result.lengths, (self.lengths, self.lengths_rejected), strict=False):
                lengths.append(length)
            return False
        sides = (result.chosen, result.rejected) if isinstance(result, EncodedPair) else (result,)
        for side, lengths in zip(sides, (self.lengths, self.lengths_rejected), strict=False):
            if side.part:
                lengths[-1] += len(side.ids) - 1  # a piece begins with the last token of the one before
            else:
                lengths.append(len(side.ids) + side.cut)
            self.kept += len(side.ids)
            self.trained += side.trained.count(True)
        if sides[0].part:
            return True
        self.rows += 1
        self.divided += sides[0].parts > 1
        self.controls += any(side.controls for side in sides)
        is_cut = any(side.cut for side in sides)
        if is_cut:
            self.cut += 1
            _note(self.cut_rows, result.number)
        if not all(True in side.trained for side in sides):
            self._refuse(result.number, NOTHING_LEARNED if is_cut else NO_TOKEN_LEARNED)
            return False
        if any(not side.cut and side.parts == 1 and _last_learned(side) not in self.ends for side in sides):
            _note(self.endless_rows, result.number)
        return True

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
        endless = self.endless_rows
        found = {
            "The template gives no end token: the model may not learn to stop.": not self.ends,
            f"{_count(endless)} not end with an end token ({row_words(endless)}): the model may not learn to stop.": (
                endless and self.ends
            ),
            f"{_count(nothing)} not hold anything to learn ({row_words(nothing)}).": nothing,
            f"Less than 1 % of the tokens are learned ({share:.2%}).": share < 0.01,
            "The model pads with its end token; the end of every answer is learned all the same.": (
                pad is not None and pad in self.ends
            ),
            "The template has no system role: system messages stand before the first question.": folds_system,
            f"{self.controls} rows hold text that reads like a control token; it stays text.": self.controls,
        }
        return tuple(sentence for sentence, holds in found.items() if holds)

    def _refuse(self, number: int, reason: str) -> None:
        self.refused.setdefault(reason, []).append(number)


def row_words(numbers: Sequence[int]) -> str:
    """The first of some row numbers and how many more there are: "rows 1, 2, 3 and 9 more"."""
    ordered = sorted(numbers)
    more = len(ordered) - _NAMED
    named = ", ".join(map(str, ordered[:_NAMED]))
    return f"row{'' if len(ordered) == 1 else 's'} {named}{f' and {more} more' if more > 0 else ''}"


def _note(numbers: list[int], number: int) -> None:
    if len(numbers) < _LISTED:
        numbers.append(number)


def _count(numbers: Sequence[int]) -> str:
    return "1 row does" if len(numbers) == 1 else f"{len(numbers)} rows do"


def _last_learned(side: Encoded) -> int:
    return next(
        number
        for number, is_trained in zip(reversed(side.ids), reversed(side.trained), strict=True)
        if is_trained
    )
