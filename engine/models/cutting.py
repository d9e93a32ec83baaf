"""Rows that are too long: which tokens stay. The end of an answer goes last, and no end token is made up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_PROMPT_SHARE = 4


@dataclass(frozen=True)
class Cut:
    """How a sequence is shortened: its first `head` items stay, then those from `start` up to `stop`."""

    head: int
    start: int
    stop: int

    def of(self, items: list[T]) -> list[T]:
        """The items that stay."""
        return items[: self.head] + items[self.start : self.stop]


def cuts(prompt: int, answers: Sequence[int], limit: int, has_bos: bool) -> list[Cut]:
    """How to fit a prompt followed by each of `answers` (lengths in tokens) into `limit` tokens.

    Answers that fit stay whole and the prompt loses its left end (never a BOS). Where an answer alone is too
    long, a quarter of the room is left to the prompt and the answer loses its end. All answers keep the
    same prompt.
    """
    longest = max(answers)
    room = limit - longest if longest < limit else max(1, limit // _PROMPT_SHARE)
    room = min(room, prompt)
    head = 1 if has_bos and room > 0 else 0
    start = prompt - (room - head)
    return [
        Cut(head, start, start + limit - head if answer > limit - room else prompt + answer)
        for answer in answers
    ]


def pieces(length: int, limit: int) -> list[tuple[int, int]]:
    """Stretches of at most `limit` tokens that cover a text of `length`.

    Each begins with the last token of the one before: a piece's first token has nothing to be predicted from.
    """
    return [(start, min(start + limit, length)) for start in range(0, max(1, length - 1), limit - 1)]


def droppable(roles: Sequence[str], last: int) -> list[int]:
    """Where a dialogue may begin instead, oldest first: at each later user turn before message `last`."""
    return [index for index in range(1, last) if roles[index] == "user" and "user" in roles[:index]]
