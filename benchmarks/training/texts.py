"""Rows for both sides: words of a made-up language, each one token, drawn from a seed; and the tokenizer's words."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.training.cases import Case, Texts

SPECIAL = ("<|pad|>", "<|unknown|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
WRITTEN = 4  # tokens of the template: who asks, an end, who answers, an end
SHORTEST = 64  # words of a prompt: with 64 of seven letters it is too long to be a watched prompt of ours
_SPREAD = 0.45  # of the logarithm of lengths
_SYLLABLES = tuple(first + second for first in "bdfghklmnprstv" for second in "aeiou")


@dataclass(frozen=True)
class Part:
    """Tokens of one sequence: all of them, and those that are learned."""

    tokens: int
    learned: int


def word(number: int) -> str:
    """The word with this number: three syllables, no two alike up to 343,000."""
    base = len(_SYLLABLES)
    return "".join(_SYLLABLES[number // base**place % base] for place in (2, 1, 0))


def vocabulary(size: int) -> dict[str, int]:
    """The words of a tokenizer by their ids, as many as the model knows."""
    words = (*SPECIAL, *(word(number) for number in range(size - len(SPECIAL))))
    return {text: number for number, text in enumerate(words)}


def write_rows(case: Case, words: int, path: Path) -> Path:
    """The case's rows as JSON Lines, for a tokenizer of so many words; always the same."""
    draw = random.Random(f"{case.name} {case.method}")

    def text(count: int) -> str:
        # Log-uniform: common words and rare ones, from the whole vocabulary.
        return " ".join(word(int((words - len(SPECIAL)) ** draw.random())) for _ in range(count))

    with path.open("w", encoding="utf-8") as out:
        for _ in range(case.rows * case.updates):
            prompt, *answers = _lengths(case.texts, 2 if case.method == "dpo" else 1, draw)
            names = ("chosen", "rejected") if case.method == "dpo" else ("completion",)
            row = {"prompt": text(prompt), **dict(zip(names, map(text, answers), strict=True))}
            out.write(json.dumps(row) + "\n")
    return path


def _lengths(texts: Texts, answers: int, draw: random.Random) -> list[int]:
    """Words of the prompt and of its answers, together never longer than a row may be."""
    if texts.is_fixed:
        return [texts.prompt] + [texts.answer] * answers
    most = texts.longest - WRITTEN
    prompt = _drawn(texts.prompt, draw, SHORTEST, most * 3 // 4)
    return [prompt, *(_drawn(texts.answer, draw, 16, most - prompt) for _ in range(answers))]


def _drawn(middle: int, draw: random.Random, low: int, high: int) -> int:
    return min(high, max(low, round(draw.lognormvariate(math.log(middle), _SPREAD))))


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def parts_of(row: dict[str, str]) -> tuple[Part, ...]:
    """What a row is in tokens, counted from its words: one sequence, or prompt with either answer."""
    prompt = len(row["prompt"].split())
    answers = (len(text.split()) for name, text in row.items() if name != "prompt")
    return tuple(Part(prompt + count + WRITTEN, count + 1) for count in answers)


def spoken(row: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """The row as a conversation, as TRL wants it."""
    return {
        name: [{"role": "user" if name == "prompt" else "assistant", "content": text}]
        for name, text in row.items()
    }


def tokens_of(rows: Sequence[dict[str, str]], updates: Sequence[Sequence[int]]) -> Iterator[int]:
    """Real tokens of each update, whose rows are given by number from 1."""
    for update in updates:
        yield sum(part.tokens for number in update for part in parts_of(rows[number - 1]))


def dumped(values: Any, path: Path) -> Path:  # Any: JSON values
    """Write values for another process."""
    path.write_text(json.dumps(values), encoding="utf-8")
    return path
