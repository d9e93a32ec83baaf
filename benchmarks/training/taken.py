"""What one process did, as plain numbers, and what follows from them."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Taken:
    """One side's run. Times are seconds since its process was started, `memory` bytes at most.

    `tokens` are the real ones of each update, `ends` when each had ended, `begun` when the first began. `rows` are the
    file's numbers of each update's rows, empty where the side chose them itself. `learned` counts an epoch's learned
    tokens. `reference` is what looking at the reference took before the first update. `epochs` divide the updates.
    """

    tokens: tuple[int, ...]
    ends: tuple[float, ...]
    begun: float
    rows: tuple[tuple[int, ...], ...]
    learned: int
    reference: float
    wall: float
    processor: float
    memory: int
    epochs: int = 1
    dtype: str = ""

    @property
    def updates(self) -> int:
        """Of one epoch."""
        return len(self.ends) // self.epochs

    @property
    def epoch_tokens(self) -> int:
        """Real tokens of one epoch."""
        return sum(self.tokens[: self.updates])

    @property
    def timed_tokens(self) -> int:
        """Real tokens of the first epoch without its first update, which warms up."""
        return sum(self.tokens[1 : self.updates])

    @property
    def timed_seconds(self) -> float:
        """What those took, without the reference that was looked at before."""
        return self.ends[self.updates - 1] - self.ends[0]

    @property
    def speed(self) -> float:
        """Tokens a second in the first epoch, with that share of looking at the reference which its tokens have."""
        share = self.timed_tokens / self.epoch_tokens
        return self.timed_tokens / (self.timed_seconds + share * self.reference)

    @property
    def later_speed(self) -> float:
        """Tokens a second once the reference is known: in the second epoch where there is one, else in the first."""
        if self.epochs == 1:
            return self.timed_tokens / self.timed_seconds
        return sum(self.tokens[self.updates :]) / (self.ends[-1] - self.ends[self.updates - 1])

    @property
    def set_up(self) -> float:
        """From the process's start to the first update: imports, model, rows; without the reference."""
        return self.begun - self.reference

    @property
    def everything(self) -> float:
        """Wall seconds of the process for one epoch, whatever was done in them."""
        return self.wall - (self.ends[-1] - self.ends[self.updates - 1])

    @property
    def per_processor_second(self) -> float:
        """Real tokens for each second of a processor, over all that the process did."""
        return sum(self.tokens) / self.processor

    def plain(self) -> dict[str, Any]:  # Any: JSON values
        """As JSON values."""
        return asdict(self)


def taken_from(values: dict[str, Any]) -> Taken:  # Any: JSON values
    """Back from JSON values."""
    rows = tuple(map(tuple, values["rows"]))
    return Taken(**{**values, "tokens": tuple(values["tokens"]), "ends": tuple(values["ends"]), "rows": rows})


def refuse_other_work(
    who: str, taken: Taken, tokens: Sequence[int], learned: int, updates: Sequence[Sequence[int]]
) -> None:
    """Raise RuntimeError unless this side did the work that was given: the same real tokens, the same rows an update.

    A side that chooses its own batches (packed, grouped) has the same tokens in an epoch. Rows may stand in any order
    within an update.
    """
    if taken.rows:
        first = taken.rows[: taken.updates]
        if [sorted(rows) for rows in first] != [sorted(rows) for rows in updates]:
            raise RuntimeError(f"{who} had other rows in its updates: {first} instead of {list(updates)}.")
        if list(taken.tokens[: taken.updates]) != list(tokens):
            raise RuntimeError(f"{who} had {taken.tokens} tokens in its updates instead of {tuple(tokens)}.")
    if taken.epoch_tokens != sum(tokens):
        raise RuntimeError(f"{who} had {taken.epoch_tokens} tokens in an epoch instead of {sum(tokens)}.")
    if taken.learned != learned:
        raise RuntimeError(f"{who} learned {taken.learned} tokens in an epoch instead of {learned}.")
    if not all(map(math.isfinite, (taken.speed, taken.later_speed))):
        raise RuntimeError(f"{who} has no speed: its updates ended at {taken.ends}.")
