"""Text to ids word by word: each word is asked of the tokenizer once, where no id depends on its neighbours.

A tokenizer splits a text at its added tokens, then by the rules of its pre-tokenizer, and looks at each stretch
alone. For the pre-tokenizers known here the ends of `_WORDS` are always such splits, so a text's ids are those of
its words one after another. Where that is not certain there are no `Words`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from tokenizers import Tokenizer

from engine.models.placed import Span, Tokens, first_ending_after, first_starting_from

_LONGEST = 32  # characters of a word that is remembered
_REMEMBERED = 60_000  # words, some 15 MB
_ENDLESS = 5_000  # characters of a word whose places take long to find
_AT_ONCE = 50_000  # characters, few enough to stay in the processor's cache
_ASKED = 4096  # characters

# White space as Unicode has it (Python's \s holds four control characters more), then ASCII's signs and others.
_W = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SIGN = r"[!-/:-@\[-`{-~]"
_OTHER = rf"[^{_W}A-Za-z0-9]"
# A word: white space, then signs, then letters or digits of ASCII. It goes on where an apostrophe follows ("it's"),
# or what is neither ASCII nor white space.
_MORE = rf"[^{_W}A-Za-z0-9!-&(-/:-@\[-`{{-~]"
_BODY = rf"[{_W}]*(?:{_OTHER}*[A-Za-z0-9]+(?:(?={_MORE}){_OTHER}+[A-Za-z0-9]*)*|{_OTHER}+)"
# Many tokenizers join signs with the line breaks behind them, some with a slash behind those. What is not ASCII may
# be a letter, whose line breaks belong to the white space that follows.
_BREAKS = rf"(?:(?<={_SIGN})[\r\n]+(?:(?=/)[^{_W}]+)?|(?<![!-~])(?=[\r\n])[{_W}]+[^{_W}]*)*"
_USUAL = rf" ?[A-Za-z0-9]++(?!{_MORE})"  # what the rest finds, too, but sooner
_WORDS = {
    "alone": re.compile(rf"{_USUAL}|{_BODY}|[{_W}]+"),
    "with signs": re.compile(rf"{_USUAL}|{_BODY}{_BREAKS}|[{_W}]+"),
}

# Every alternative ends where a letter, digit or sign meets white space (but line breaks after signs, "with signs"),
# and where a letter or digit of ASCII meets a sign other than the apostrophe; none looks at what stands before it.
_ENDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_REST_SLASH = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_FIRST = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+"
_SECOND = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PATTERNS = {
    _GPT2: "alone",
    rf"{_ENDS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_REST}": "with signs",  # GPT-4, Llama 3
    rf"{_ENDS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_REST}": "with signs",  # Qwen 2 and 3
    rf"{_FIRST}{_ENDS}?|{_SECOND}{_ENDS}?|\p{{N}}{{1,3}}|{_REST_SLASH}": "with signs",  # GPT-4o
    rf"{_FIRST}|{_SECOND}|\p{{N}}|{_REST_SLASH}": "with signs",  # Mistral Nemo
}
"""For each pattern of a pre-tokenizer that is known: where line breaks stand."""


class Words:
    """The ids of texts from those of their words; `of` tells whether a tokenizer allows it."""

    def __init__(self, tokenizer: Tokenizer, word: re.Pattern[str]) -> None:
        self._word = word
        self.spans = lru_cache(maxsize=4096)(self._spans)
        self._tokenizer = tokenizer
        added = [
            (number, token) for number, token in tokenizer.get_added_tokens_decoder().items() if token.content
        ]
        self._added_ids = {token.content: [number] for number, token in added}
        self._ids = dict(self._added_ids)
        # The tokenizer looks for those first that a normalizer leaves as they are.
        levels = ([t.content for _, t in added if t.normalized is last] for last in (False, True))
        self._splits = [_splitter(level) for level in levels if level]
        self._separator = _separator(self._added_ids)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Words | None":
        """Words of a tokenizer that adds nothing of its own; None where neighbours may change an id."""
        word = _word_of(tokenizer)
        return None if word is None else cls(tokenizer, word)

    def encode(self, texts: Iterable[str]) -> list[Tokens]:
        """The tokens of each text. One with a word that has no end is the tokenizer's own matter, all of it."""
        return list(chain.from_iterable(map(self._encoded, _groups(texts))))

    def words(self, part: str) -> list[str]:
        """The words of what stands between added tokens; such a token is one of its own."""
        return [part] if part in self._added_ids else self._word.findall(part)

    def count(self, word: str) -> int:
        """How many ids a word has."""
        found = self._ids.get(word)
        return len(self.spans(word) if found is None else found)

    def _encoded(self, texts: list[str]) -> list[Tokens]:
        """The tokens of texts that are not too many; what stands between added tokens is put together once."""
        if len(self._ids) > _REMEMBERED:
            self._ids = dict(self._added_ids)
        parts = [self._parts(text) for text in texts]
        ids, waiting, endless = dict[str, list[int]](), dict[str, list[str]](), set[str]()
        for part in chain.from_iterable(parts):
            if part not in ids and part not in waiting and part not in endless:
                words = self.words(part)
                if len(part) > _ENDLESS and max(map(len, words)) > _ENDLESS:
                    endless.add(part)
                    continue
                try:
                    ids[part] = self._together(words)
                except KeyError:  # a new word
                    waiting[part] = words
        passing = self._ask(set[str]().union(*waiting.values()))
        ids.update((part, self._together(words)) for part, words in waiting.items())
        for word in passing:
            del self._ids[word]
        return [
            self._whole(text)
            if endless.intersection(found)
            else WordTokens(self, found, [ids[part] for part in found])
            for text, found in zip(texts, parts, strict=True)
        ]

    def _whole(self, text: str) -> Tokens:
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return Tokens(list(found.ids), None, found)

    def _together(self, words: list[str]) -> list[int]:
        """The ids of words one after another; raises KeyError for one that is not known."""
        return list(chain.from_iterable(map(self._ids.__getitem__, words)))

    def _parts(self, text: str) -> list[str]:
        """Added tokens and what stands between them."""
        parts = [text] if text else []
        for split in self._splits:
            pieces = ([part] if part in self._added_ids else split(part) for part in parts)
            parts = [piece for piece in chain.from_iterable(pieces) if piece]
        return parts

    def _ask(self, words: set[str]) -> list[str]:
        """Learn the ids of words; those that are too long to be remembered come back."""
        asked = [word for word in words if word not in self._ids]
        stretches = list(_groups(asked, _ASKED))
        joined = [(self._separator or "").join(stretch) for stretch in stretches]
        for stretch, found in zip(
            stretches, self._tokenizer.encode_batch(joined, add_special_tokens=False), strict=True
        ):
            self._ids.update(zip(stretch, self._taken_apart(found.ids, stretch), strict=True))
        return [word for word in asked if len(word) > _LONGEST]

    def _taken_apart(self, ids: list[int], words: list[str]) -> list[list[int]]:
        """The ids of each of several words that were asked in one text, an added token between them."""
        ends = [at for at, number in enumerate(ids) if [number] == self._added_ids.get(self._separator or "")]
        if len(ends) == len(words) - 1:
            return [
                ids[start:stop]
                for start, stop in zip([0, *(e + 1 for e in ends)], [*ends, len(ids)], strict=True)
            ]
        return [found.ids for found in self._tokenizer.encode_batch(words, add_special_tokens=False)]

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
        for word in chain.from_iterable(map(self._words.words, self._parts)):
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
        for word in self._words.words(part) if at else ():
            if at < len(word):
                return before, word, at
            at -= len(word)
            before += self._words.count(word)
        return before, "", 0


def _groups(texts: Iterable[str], most: int = _AT_ONCE) -> Iterator[list[str]]:
    """Texts in order, some characters at a time."""
    group, size = list[str](), 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= most:
            yield group
            group, size = [], 0
    if group:
        yield group


def _splitter(tokens: Iterable[str]) -> Callable[[str], list[str]]:
    """Splits a text at the first token that fits, the longest first, as the tokenizer does."""
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})").split


def _separator(tokens: Iterable[str]) -> str | None:
    """A token that no other can overlap, whatever stands beside it."""

    def overlap(one: str, two: str) -> bool:
        return one in two or any(
            one.endswith(two[:n]) or one.startswith(two[-n:]) for n in range(1, len(two))
        )

    known = list(tokens)
    return next((one for one in known if not any(overlap(two, one) for two in known if two != one)), None)


def _word_of(tokenizer: Tokenizer) -> re.Pattern[str] | None:
    """The words of a tokenizer that splits at the ends of each and looks at each stretch alone, else None."""
    added = tokenizer.get_added_tokens_decoder().values()
    is_plain = not any(token.lstrip or token.rstrip or token.single_word for token in added)
    normalizer, steps = _state(tokenizer.normalizer), _steps(_state(tokenizer.pre_tokenizer))
    is_composing = normalizer.get("type") == "NFC" and not any(token.normalized for token in added)
    ends = {_ends(step) for step in steps} - {"anywhere"}
    is_certain = (
        is_plain and (not normalizer or is_composing) and getattr(tokenizer.model, "dropout", None) is None
    )
    return _WORDS.get(ends.pop()) if is_certain and len(ends) == 1 else None


def _ends(step: dict[str, Any]) -> str:  # Any: a part of tokenizer.json
    """Where words must end for a step of a pre-tokenizer to split there; "anywhere": it looks at each sign alone."""
    match step:
        case {"type": "Digits"} | {"type": "ByteLevel", "use_regex": False, "add_prefix_space": False}:
            return "anywhere"
        case {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False}:
            return PATTERNS[_GPT2]
        case {"type": "Split", "behavior": "Isolated", "invert": False, "pattern": {"Regex": pattern}}:
            return PATTERNS.get(pattern, "unknown")
    return "unknown"


def _steps(state: dict[str, Any]) -> list[dict[str, Any]]:  # Any: parts of tokenizer.json
    if state.get("type") == "Sequence":
        return [step for inner in state["pretokenizers"] for step in _steps(inner)]
    return [state] if state else []


def _state(part: Any) -> dict[str, Any]:  # Any: a part of a tokenizer, which tells itself as JSON
    return {} if part is None else dict(json.loads(part.__getstate__()))
