"""Tokens into text as they come: never half a character, and which characters each token stands for."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

Span = tuple[int, int]
"""The characters `start` to `end` (not included) of the whole text."""

_UNFINISHED = "\ufffd"  # what a decoder shows for a character whose last bytes are still to come


class Stream:
    """Turns tokens into text, holding back what may still be the half of a character.

    `spans` are those of the first tokens, as far as their characters are certain; all of them after `finish`.
    """

    def __init__(
        self,
        tokenizer: Any,  # Any: transformers' tokenizers share no typed base
        on_text: Callable[[str], None] | None = None,
        has_spans: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self._on_text = on_text
        self._has_spans = has_spans
        self._ids: list[int] = []
        self._start = 0  # decoded again each time, so that a token's text may depend on its left neighbours
        self._told = 0
        self._held: list[str] = []  # the text after what was told, with each token that is held back
        self._sent = ""
        self.spans: list[Span] = []

    def add(self, token: int) -> None:
        """Take the next token; sends the text that is certain now."""
        self._ids.append(token)
        if self._on_text is None and not self._has_spans:
            return
        before = self._decode(self._ids[self._start : self._told])
        piece = self._decode(self._ids[self._start :])[len(before) :]
        self._held.append(piece)
        if piece and not piece.endswith(_UNFINISHED):
            self._settle(piece)
            self._start, self._told = self._told, len(self._ids)

    def finish(self) -> str:
        """The whole text; what was still held back is sent."""
        text = self._decode(self._ids)
        if self._on_text is None and not self._has_spans:
            return text
        if text.startswith(self._sent):
            self._settle(text[len(self._sent) :])
        elif self._has_spans:  # the whole is written otherwise than its parts
            texts = [self._decode(self._ids[: count + 1]) for count in range(len(self._ids))]
            self.spans = spans_within(texts, text)
        return text

    def _settle(self, piece: str) -> None:
        """Give the tokens that were held back their characters, and send them."""
        offset = len(self._sent)
        own = spans_within(self._held, piece)
        self.spans += [(offset + start, offset + end) for start, end in own]
        self._held, self._sent = [], self._sent + piece
        if piece and self._on_text is not None:
            self._on_text(piece)

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def spans_within(texts: Sequence[str], whole: str) -> list[Span]:
    """Each token's characters in `whole`; `texts` is what stands there after the first, the second token ...

    A token that ends within a character has that character too, as have those that go on with it. The last token
    takes what is left, so that nothing of the text is without a token.
    """
    found: list[Span] = []
    settled = 0  # characters that will not change any more
    for before, now in pairwise(["", *texts]):
        if whole.startswith(now):
            goes_on = now == before and now.endswith(_UNFINISHED)  # with bytes that never become a character
            found.append(found[-1] if goes_on and found else (min(settled, len(now)), len(now)))
            settled = len(now)
        else:
            known = max(settled, len(now.rstrip(_UNFINISHED)))
            found.append((settled, known + 1))
            settled = known
    if found:
        found[-1] = (found[-1][0], len(whole))
    return [(min(start, len(whole)), min(end, len(whole))) for start, end in found]
