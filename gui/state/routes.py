"""Which experts answered: the routes of the questions asked, shares of tokens, and how two prompts differ.

Experts and layers count from 0 here; "layer" is a place in `Mixture.layers`. A token counts for its first expert.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.job.expert_events import TokenRoute

ALIKE = 0.05
"""Of the tokens: two prompts that differ by less in a layer route alike there, however many tokens they have."""

_RARE = (
    2.1  # fitted to draws of 2 to 128 experts and 10 to 300 tokens: about one in a hundred differs by more
)


@dataclass(frozen=True)
class Mixture:
    """The experts of a column's model: `layers` are the places of the layers that have them."""

    layers: tuple[int, ...]
    experts: int


@dataclass
class Routing:
    """Where the tokens of one question and its answer went.

    `counts`: for each layer, the prompt's tokens by first expert. `tokens`: the answer's, while it is shown.
    """

    prompt: str
    counts: tuple[tuple[int, ...], ...] = ()
    tokens: list[TokenRoute] = field(default_factory=list)
    _firsts: list[Counter[int]] = field(
        default_factory=list
    )  # for each layer, the answer's tokens by first expert

    def take(self, first: int, tokens: Sequence[TokenRoute]) -> None:
        """Put in a part of the answer's tokens; what was told from there on before is replaced."""
        if first < len(self.tokens):
            tokens, first = [*self.tokens[:first], *tokens], 0
            self.tokens, self._firsts = [], []
        self.tokens += tokens
        for token in tokens:
            while len(self._firsts) < len(token.experts):
                self._firsts.append(Counter())
            for firsts, chosen in zip(self._firsts, token.experts, strict=True):
                firsts[chosen[0]] += 1

    def forget_tokens(self) -> None:
        """Keep the counts alone: the tokens of many layers of many experts are large, and no longer shown."""
        self.tokens = []

    def answer_counts(self, layer: int, experts: int) -> list[int]:
        """How many of the answer's tokens go to each expert first."""
        firsts: Counter[int] = self._firsts[layer] if layer < len(self._firsts) else Counter()
        return [firsts[expert] for expert in range(experts)]


@dataclass(frozen=True)
class Difference:
    """How two prompts differ in one layer: shares by expert, and the total variation distance between them.

    `distance` = 1/2 sum |first - second| is the part of the tokens that go elsewhere, 0 to 1. `chance` is what to
    expect of two draws of as many tokens from the shares of both together, `limit` what they hardly ever exceed.
    """

    layer: int
    first: tuple[float, ...]
    second: tuple[float, ...]
    distance: float
    chance: float
    limit: float

    @property
    def is_alike(self) -> bool:
        """Whether hardly a token goes elsewhere."""
        return self.distance <= ALIKE

    @property
    def is_telling(self) -> bool:
        """Whether it is larger than so few tokens differ by chance."""
        return self.distance > max(ALIKE, self.limit)


def counts_of(routing: Routing, layer: int, experts: int, part: str) -> list[int]:
    """How many tokens go to each expert first; `part` is "answer", "prompt" or "both"."""
    counts = routing.answer_counts(layer, experts) if part in ("answer", "both") else [0] * experts
    if part in ("prompt", "both") and routing.counts:
        counts = [own + asked for own, asked in zip(counts, routing.counts[layer], strict=True)]
    return counts


def shares_of(counts: Sequence[int]) -> tuple[float, ...]:
    """Each expert's part of the tokens; zeros where there is none."""
    whole = sum(counts)
    return tuple(count / whole if whole else 0.0 for count in counts)


def differences(first: Routing, second: Routing, mixture: Mixture, part: str) -> list[Difference]:
    """Layer by layer; nothing where one of the two has no token to count."""
    found = []
    for layer in range(len(mixture.layers)):
        counts = [counts_of(routing, layer, mixture.experts, part) for routing in (first, second)]
        if not all(sum(own) for own in counts):
            return []
        one, other = (shares_of(own) for own in counts)
        distance = sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 2
        chance = _chance(*counts)
        used = sum(a + b > 0 for a, b in zip(*counts, strict=True))
        limit = chance * (1 + _RARE / math.sqrt(used - 1)) if used > 1 else 0.0
        found.append(Difference(layer, one, other, distance, chance, limit))
    return found


def largest(found: Sequence[Difference], count: int = 3) -> list[tuple[Difference, int]]:
    """The layers that differ most, each with the expert whose shares differ most there."""
    ordered = sorted(found, key=lambda difference: -difference.distance)
    return [(difference, _expert(difference)) for difference in ordered[:count]]


def _expert(difference: Difference) -> int:
    gaps = [abs(a - b) for a, b in zip(difference.first, difference.second, strict=True)]
    return gaps.index(max(gaps))


def _chance(first: Sequence[int], second: Sequence[int]) -> float:
    """The distance to expect where both draw from the same shares p: 1/2 sum sqrt(2/pi) sd(difference of shares).

    sd = sqrt(p (1 - p) (1/n + 1/m)) for n and m tokens, and sqrt(2/pi) sd the mean size of a normal number.
    """
    one, other = sum(first), sum(second)
    pooled = [(a + b) / (one + other) for a, b in zip(first, second, strict=True)]
    spread = 1 / one + 1 / other
    return sum(math.sqrt(2 / math.pi * p * (1 - p) * spread) for p in pooled) / 2
