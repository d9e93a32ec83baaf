"""Token ids and which characters of the text each stands for."""

from bisect import bisect_left, bisect_right
from typing import Any

Span = tuple[int, int]  # first character, and the one after the last


def first_ending_after(spans: list[Span], at: int) -> int:
    """The first span that holds character `at` or stands after it."""
    return bisect_right(spans, at, key=lambda span: max(span[1], span[0] + 1))


def first_starting_from(spans: list[Span], at: int) -> int:
    """The first span that begins at character `at` or after it."""
    return bisect_left(spans, at, key=lambda span: span[0])


class Tokens:
    """Ids, and which characters each stands for.

    The tokenizer is asked only where an answer begins or ends: a list of all places takes half as long as the
    tokenising itself.
    """

    def __init__(self, ids: list[int], spans: list[Span] | None, encoding: Any = None) -> None:
        # Any: tokenizers' Encoding is not typed
        self.ids = ids
        self._spans, self._encoding = spans, encoding

    @property
    def spans(self) -> list[Span]:
        """For each id the characters that it stands for."""
        if self._spans is None:
            self._spans = list(self._encoding.offsets)
        return self._spans

    def ending_after(self, at: int) -> int:
        """The first token that holds character `at` or stands after it."""
        found = None if self._spans is not None else self._encoding.char_to_token(at)
        if found is not None:
            return int(found)
        return first_ending_after(self.spans, at)

    def starting_from(self, at: int) -> int:
        """The first token that begins at character `at` or after it."""
        found = None if self._spans is not None else self._encoding.char_to_token(at)
        if found is None:
            return first_starting_from(self.spans, at)
        while found < len(self.ids) and self._encoding.token_to_chars(found)[0] < at:
            found += 1  # it began before; so do others that share a character with it
        return int(found)
