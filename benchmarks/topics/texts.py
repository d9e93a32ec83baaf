"""Two topics of the starter's own small world, each asked for more than it can: two animals at a time, longer sums.

Rows that are kept back ask for what no trained row asks for: two animals that no trained row has one after the other,
numbers that follow each other in no trained sum. All else that they need is in the trained rows.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from resources.starter.facts import HOMES, LEGS, capitalised, with_article

SEED = 5
COUNTS = ("no", "two", "four", "six", "eight", "ten")


@dataclass(frozen=True)
class Row:
    """A question, its answer, and what it asks for: animals, or numbers, in their order."""

    question: str
    answer: str
    asks: tuple[str, ...]

    def plain(self) -> dict[str, str]:
        """As a line of a file holds it."""
        return {"instruction": self.question, "response": self.answer}


@dataclass(frozen=True)
class Topic:
    """Rows to train on and rows kept back."""

    name: str
    train: tuple[Row, ...]
    kept: tuple[Row, ...]


def topics(train: int, kept: int) -> tuple[Topic, Topic]:
    """Both topics with so many rows each, always the same ones."""
    return _topic("animals", animals(), train, kept), _topic("sums", sums(), train, kept)


def animals() -> list[Row]:
    """Two animals: where each lives, how many legs it has, and which of them has more."""
    known = [animal for animal in LEGS if animal in HOMES]
    rows = []
    for one, other in itertools.permutations(known, 2):
        legs = [LEGS[one], LEGS[other]]
        first, second = (COUNTS.index(count) for count in legs)
        if first == second:
            last = "They have the same number of legs."
        else:
            last = f"{capitalised(with_article(one if first > second else other))} has more legs."
        said = [
            f"{capitalised(with_article(animal))} lives in {HOMES[animal]} and has {LEGS[animal]} legs."
            for animal in (one, other)
        ]
        question = f"Tell me about {with_article(one)} and {with_article(other)}."
        rows.append(Row(question, " ".join([*said, last]), (one, other)))
    return rows


def sums() -> list[Row]:
    """Four numbers, added or taken away one after the other."""
    rows = []
    for start, *others in itertools.product(range(7), repeat=4):
        for signs in itertools.product((1, -1), repeat=3):
            value, asked, said = start, [str(start)], []
            for number, sign in zip(others, signs, strict=True):
                word, before = ("plus" if sign > 0 else "minus"), value
                value += sign * number
                asked.append(f"{word} {number}")
                said.append(f"{before} {word} {number} is {value}.")
                if value < 0:
                    break
            if value >= 0:
                rows.append(Row(f"What is {' '.join(asked)}?", " ".join(said), tuple(asked)))
    return rows


def nearness(row: Row, others: Sequence[Row]) -> float:
    """The largest share of a row's runs of four words that one of the others has, from 0 to 1."""
    own = _runs(row)
    return max(len(own & _runs(other)) / len(own) for other in others)


def _topic(name: str, rows: list[Row], train: int, kept: int) -> Topic:
    random.Random(SEED).shuffle(rows)
    apart = [row for row in rows if all(map(_is_apart, itertools.pairwise(row.asks)))]
    others = [row for row in rows if not any(map(_is_apart, itertools.pairwise(row.asks)))]
    if len(others) < train or len(apart) < kept:
        raise ValueError(f"{name} has {len(others)} rows to train on and {len(apart)} to keep back")
    return Topic(name, tuple(others[:train]), tuple(apart[:kept]))


def _is_apart(pair: tuple[str, str]) -> bool:
    """Whether rows in which these two follow each other are kept back."""
    return sum(map(ord, "".join(pair))) % 4 == 0


def _runs(row: Row, length: int = 4) -> set[tuple[str, ...]]:
    words = f"{row.question} {row.answer}".split()
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}
