"""Made-up results of every kind, for tests of what many of them add up to."""

import random
from collections.abc import Iterator

from engine.models.encoded import Encoded, EncodedPair, Refused, Result


def made_up(rows: int, seed: int = 0) -> list[Result]:
    """Results of so many rows, as an encoder could give them for a mixed file."""
    chance = random.Random(seed)
    return [result for number in range(1, rows + 1) for result in _row(number, chance)]


def _row(number: int, chance: random.Random) -> Iterator[Result]:
    match chance.randrange(5):
        case 0:
            yield _one(number, chance)
        case 1:
            yield _one(number, chance, label=chance.random() < 0.5)
        case 2:
            yield EncodedPair(number, chance.randrange(4), _one(number, chance), _one(number, chance))
        case 3:
            yield Refused(number, chance.choice(["too long", "why not"]), (7, 9)[: chance.randrange(3)])
        case 4:
            pieces = chance.randrange(2, 5)
            for piece in range(pieces):
                ids = [chance.randrange(9) for _ in range(chance.randrange(2, 6))]
                trained = [False] + [True] * (len(ids) - 1)
                yield Encoded(number, ids, trained, 0, 0, part=piece, parts=pieces)


def _one(number: int, chance: random.Random, label: bool | None = None) -> Encoded:
    ids = [chance.choice([0, 7, 70_000, 2**31 - 1]) for _ in range(chance.randrange(1, 9))]
    trained = [place > 0 and chance.random() < 0.4 for place in range(len(ids))]
    cut, controls, joined = chance.choice([0, 0, 3]), chance.choice([0, 0, 2]), chance.random() < 0.2
    return Encoded(number, ids, trained, cut, controls, label=label, joined=joined)
