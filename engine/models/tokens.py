"""Text to token ids with their places in the text, where some passages must stay text whatever they look like."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer

from engine.job.errors import ModelError
from engine.models.placed import Span, Tokens
from engine.models.words import Words


@dataclass(frozen=True)
class Passage:
    """Text to tokenise. What lies in `literal` spans is text even where it reads like a control token."""

    text: str
    literal: tuple[Span, ...] = ()


_PROOFS = 64  # texts that are tokenised both ways
_PROVING = 20_000  # characters of such a text at most


class TextTokens:
    """A private copy of a fast tokenizer that adds nothing of its own: no BOS, no cut, no padding.

    Raises ModelError for a tokenizer without a fast form.
    """

    def __init__(self, tokenizer: Any) -> None:  # Any: transformers' tokenizers share no typed base
        if not getattr(tokenizer, "is_fast", False):
            advice = "Choose a model whose folder has a tokenizer.json."
            raise ModelError("The model's tokenizer has no fast form (tokenizer.json).", advice)
        self._whole = _bare(tokenizer.backend_tokenizer)
        self._words = Words.of(self._whole)
        self._proofs = _PROOFS
        added = tokenizer.added_tokens_decoder
        self.added = {token.content: number for number, token in added.items() if token.content}
        self.controls = {token.content for token in added.values() if token.special and token.content}
        self._control = _any_of({token.content: token for token in added.values() if token.special})
        self._looks_like = _any_of(dict.fromkeys(self.controls))

    def encode(self, passages: Sequence[Passage]) -> list[Tokens]:
        """The tokens of each passage, the plain ones in one batch."""
        plain = iter(self._plain([passage.text for passage in passages if not passage.literal]))
        return [self._piecewise(passage) if passage.literal else next(plain) for passage in passages]

    def control_texts(self, text: str) -> list[Span]:
        """Where a text holds what reads like a control token."""
        return [match.span() for match in self._looks_like.finditer(text)] if self._looks_like else []

    @cached_property
    def _literal(self) -> Tokenizer:
        """The same for text alone; few rows need it."""
        copy = _bare(self._whole)
        copy.encode_special_tokens = True
        return copy

    def _plain(self, texts: list[str]) -> list[Tokens]:
        """Word by word where that is the same, which the first texts prove; else as the tokenizer does it."""
        if self._words is not None:
            found = self._words.encode(texts)
            if self._is_proven(texts, found):
                return found
            self._words = None
        return [_tokens(found) for found in self._whole.encode_batch(texts, add_special_tokens=False)]

    def _is_proven(self, texts: list[str], found: list[Tokens]) -> bool:
        first = [(text, tokens) for text, tokens in zip(texts, found, strict=True) if len(text) <= _PROVING]
        looked_at = first[: self._proofs]
        self._proofs -= len(looked_at)
        whole = self._whole.encode_batch([text for text, _ in looked_at], add_special_tokens=False)
        return all(one.ids == tokens.ids for one, (_, tokens) in zip(whole, looked_at, strict=True))

    def _piecewise(self, passage: Passage) -> Tokens:
        """Control tokens outside of the literal spans as what they are, the text between them as text."""
        ids, spans = list[int](), list[Span]()
        for start, end, control in self._pieces(passage):
            if control:
                ids.append(self.added[control])
                spans.append((start, end))
            elif end > start:
                piece = self._literal.encode(passage.text[start:end], add_special_tokens=False)
                ids.extend(piece.ids)
                spans.extend((a + start, b + start) for a, b in piece.offsets)
        return Tokens(ids, spans)

    def _pieces(self, passage: Passage) -> Iterator[tuple[int, int, str]]:
        """Stretches of the text in order: first and last character, and the control token or ""."""
        at = 0
        for match in self._control.finditer(passage.text) if self._control else ():
            if any(match.start() < end and match.end() > start for start, end in passage.literal):
                continue
            yield at, match.start(), ""
            yield match.start(), match.end(), match[0] if match[0] in self.added else match[0].strip()
            at = match.end()
        yield at, len(passage.text), ""


def _bare(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that adds, cuts and fills up nothing.

    Where that gives added tokens the same ids, it is put together from the tokenizer's own parts: the words, which
    take longest to copy, are then those of both.
    """
    copy = Tokenizer(tokenizer.model)
    copy.normalizer, copy.pre_tokenizer, copy.decoder = (
        tokenizer.normalizer,
        tokenizer.pre_tokenizer,
        tokenizer.decoder,
    )
    added = tokenizer.get_added_tokens_decoder()
    copy.add_tokens([added[number] for number in sorted(added)])
    if copy.get_added_tokens_decoder() != added:
        copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    copy.post_processor = None  # it would trim the spans, and add tokens that a template already wrote
    return copy


def _tokens(encoding: Any) -> Tokens:  # Any: tokenizers' Encoding is not typed
    return Tokens(list(encoding.ids), None, encoding)


_SPACES = r"[^\S\x1c-\x1f]*"  # white space as tokenizers have it; Python counts four separators more


def _any_of(tokens: dict[str, Any]) -> re.Pattern[str] | None:  # Any: AddedToken or None
    """Any of the tokens, the longest first; white space that a token takes with it belongs to it."""
    if not tokens:
        return None
    parts = []
    for text in sorted(tokens, key=len, reverse=True):
        before = _SPACES if getattr(tokens[text], "lstrip", False) else ""
        after = _SPACES if getattr(tokens[text], "rstrip", False) else ""
        parts.append(before + re.escape(text) + after)
    return re.compile("|".join(parts))
