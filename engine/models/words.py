"""Text to ids word by word: each word is asked of the tokenizer once, where no id depends on its neighbours.

A tokenizer splits a text at its added tokens, then by the rules of its pre-tokenizer, and looks at each stretch
alone. For the pre-tokenizers known here every place where white space follows a word is such a split (`_WORD`), so
a text's ids are those of its words one after another. Where that is not certain there are no `Words`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from tokenizers import Tokenizer

from engine.models.placed import Span, Tokens, first_ending_after, first_starting_from

# White space and what follows it, up to white space again. A letter or digit ends before any white space, other
# signs only before a blank: "!" and the line breaks behind it are one stretch to many tokenizers.
_WORD = re.compile(r"\s*\S+(?:(?<![A-Za-z0-9])[^\S ]\s*\S*)*|\s+")
_CUT = re.compile(r"\S\s")
_LONGEST = 32  # characters of a word that is remembered
_REMEMBERED = 60_000  # words, some 15 MB
_AT_ONCE = 50_000  # characters, few enough to stay in the processor's cache
_ASKED = 4096  # words

# In none of these does a match hold white space after another character, but for line breaks after punctuation.
_ENDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_REST_SLASH = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASES = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*",
)
KNOWN_PATTERNS = {
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "GPT-2",
    rf"{_ENDS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}": "GPT-4, Llama 3",
    rf"{_ENDS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}": "Qwen 2 and 3",
    rf"{_CASES[0]}{_ENDS}?|{_CASES[1]}{_ENDS}?|\p{{N}}{{1,3}}|{_REST_SLASH}": "GPT-4o",
    rf"{_CASES[0]}|{_CASES[1]}|\p{{N}}|{_REST_SLASH}": "Mistral Nemo",
}


class Words:
    """The ids of texts from those of their words; `of` tells whether a tokenizer allows it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, list[int]] = {}
        added = tokenizer.get_added_tokens_decoder().values()
        first = sorted((token.content for token in added if not token.normalized), key=len, reverse=True)
        self._added = re.compile(f"({'|'.join(map(re.escape, first))})") if first else None
        self.spans = lru_cache(maxsize=4096)(self._spans)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Words | None":
        """Words of a tokenizer that adds nothing of its own; None where neighbours may change an id."""
        return cls(tokenizer) if _is_splitting(tokenizer) else None

    def encode(self, texts: Iterable[str]) -> list[Tokens]:
        """The tokens of each text."""
        return list(chain.from_iterable(map(self._encoded, _groups(texts))))

    def count(self, word: str) -> int:
        """How many ids a word has."""
        found = self._ids.get(word)
        return len(self.spans(word) if found is None else found)

    def _encoded(self, texts: list[str]) -> list[Tokens]:
        """The tokens of texts that are not too many; what stands between added tokens is put together once."""
        split = self._added.split if self._added else lambda text: [text]
        parts = [[part for part in split(text) if part] for text in texts]
        words = {part: _WORD.findall(part) for part in set(chain.from_iterable(parts))}
        passing = self._ask(set[str]().union(*words.values()))
        ids = {part: list(chain.from_iterable(map(self._ids.__getitem__, words[part]))) for part in words}
        for word in passing:
            del self._ids[word]
        return [WordTokens(self, found, [ids[part] for part in found]) for found in parts]

    def _ask(self, words: set[str]) -> list[str]:
        """Learn the ids of words; those that are too long to be remembered come back."""
        if len(self._ids) > _REMEMBERED:
            self._ids.clear()
        asked = [word for word in words if word not in self._ids]
        for start in range(0, len(asked), _ASKED):
            some = asked[start : start + _ASKED]
            encoded = self._tokenizer.encode_batch(some, add_special_tokens=False)
            self._ids.update(zip(some, (found.ids for found in encoded), strict=True))
        return [word for word in asked if len(word) > _LONGEST]

    def _spans(self, word: str) -> list[Span]:
        return list(self._tokenizer.encode(word, add_special_tokens=False).offsets)


class WordTokens(Tokens):
    """Ids put together from parts of a text; a word is tokenised again only where a place within it is asked."""

    def __init__(self, words: Words, parts: list[str], ids: list[list[int]]) -> None:
        super().__init__(list(chain.from_iterable(ids)), None)
        self._words = words
        self._parts = parts
        self._counts = list(map(len, ids))

    @property
    def spans(self) -> list[Span]:
        """For each id the characters that it stands for."""
        found, at = list[Span](), 0
        for word in chain.from_iterable(map(_WORD.findall, self._parts)):
            found.extend((start + at, end + at) for start, end in self._words.spans(word))
            at += len(word)
        return found

    def ending_after(self, at: int) -> int:
        """The first token that holds character `at` or stands after it."""
        before, word, within = self._word_at(at)
        return before + (first_ending_after(self._words.spans(word), within) if within else 0)

    def starting_from(self, at: int) -> int:
        """The first token that begins at character `at` or after it."""
        before, word, within = self._word_at(at)
        return before + (first_starting_from(self._words.spans(word), within) if within else 0)

    def _word_at(self, at: int) -> tuple[int, str, int]:
        """How many ids stand before the word that holds a character, the word, and the character's place in it."""
        before = 0
        for part, count in zip(self._parts, self._counts, strict=True):
            if at < len(part):
                break
            at -= len(part)
            before += count
        else:
            return before, "", 0
        for word in _WORD.findall(part) if at else ():
            if at < len(word):
                return before, word, at
            at -= len(word)
            before += self._words.count(word)
        return before, "", 0


def _groups(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in order, some at a time, so that their words take little memory."""
    group, size = list[str](), 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= _AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _is_splitting(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer splits wherever `_WORD` does, and looks at each stretch alone."""
    added = tokenizer.get_added_tokens_decoder().values()
    is_plain = not any(
        token.lstrip or token.rstrip or token.single_word or _CUT.search(token.content) for token in added
    )
    normalizer, steps = _state(tokenizer.normalizer), _steps(_state(tokenizer.pre_tokenizer))
    return (
        is_plain
        and normalizer.get("type", "NFC") == "NFC"
        and all(_is_known(step) for step in steps)
        and any(_is_splitter(step) for step in steps)
        and getattr(tokenizer.model, "dropout", None) is None
    )


def _is_known(step: dict[str, Any]) -> bool:  # Any: a part of tokenizer.json
    """Whether a step of a pre-tokenizer is one that treats all stretches alike, however a text was cut."""
    return step["type"] == "Digits" or (
        step["type"] == "ByteLevel" and not step["add_prefix_space"] or _is_splitter(step)
    )


def _is_splitter(step: dict[str, Any]) -> bool:  # Any: a part of tokenizer.json
    if step["type"] == "ByteLevel":
        return bool(step["use_regex"]) and not step["add_prefix_space"]
    is_kept = step["type"] == "Split" and step["behavior"] == "Isolated" and not step["invert"]
    return is_kept and step["pattern"].get("Regex") in KNOWN_PATTERNS


def _steps(state: dict[str, Any]) -> list[dict[str, Any]]:  # Any: parts of tokenizer.json
    if state.get("type") == "Sequence":
        return [step for inner in state["pretokenizers"] for step in _steps(inner)]
    return [state] if state else []


def _state(part: Any) -> dict[str, Any]:  # Any: a part of a tokenizer, which tells itself as JSON
    return {} if part is None else dict(json.loads(part.__getstate__()))
