"""Which experts each token of an answer goes to, heard from the routers in the very passes that write it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.job.expert_events import TokenRoute
from engine.models.routing import at_each_router, routers_of
from engine.models.streaming import Span
from engine.models.targets import decoder_layers

_LARGEST_PART = 4000  # choices in one part: about 60 kB as it is written
_PART_SECONDS = 0.25


@dataclass(frozen=True)
class ExpertLayers:
    """The layers of a model that have experts, by their place from 0; how many, and how many a token goes to."""

    layers: tuple[int, ...] = ()
    experts: int = 0
    top_k: int = 0


def expert_layers(model: torch.nn.Module) -> ExpertLayers:
    """Where a model's experts are; nothing for a model without."""
    routers = routers_of(model)
    if not routers:
        return ExpertLayers()
    places = [place for place, layer in enumerate(decoder_layers(model)) if routers_of(layer)]
    return ExpertLayers(tuple(places), len(routers[0].weight), int(routers[0].top_k))


class RouteWatch:
    """Hears the routers while one answer is written, and tells.

    `on_prompt(tokens, counts)`: how many tokens of the prompt have each expert first, for each layer with experts.
    `on_tokens(first, routes)`: the routes of the tokens from number `first`, at most four times a second, in parts
    of a bounded size; again from 0 should the text turn out to be divided otherwise. For a model without experts
    nothing is heard and nothing told.
    """

    def __init__(
        self,
        on_prompt: Callable[[int, tuple[tuple[int, ...], ...]], None],
        on_tokens: Callable[[int, tuple[TokenRoute, ...]], None],
    ) -> None:
        self._on_prompt, self._on_tokens = on_prompt, on_tokens
        self._prompt_tokens = 0
        self._passes = 0
        self._first_choices: list[Tensor] = []  # (T,) of the prompt's tokens, for each layer
        self._experts = 0
        self._new: list[
            list[tuple[Tensor, Tensor]]
        ] = []  # token by token: for each layer (1, K) experts, weights
        self._heard: list[tuple[list[list[int]], list[list[float]]]] = []  # the same, fetched
        self._told: list[Span] = []
        self._told_at = float("-inf")

    @contextmanager
    def hearing(
        self, model: Any, prompt_tokens: int
    ) -> Iterator[None]:  # Any: transformers' models are untyped
        """Within it, the first pass is the prompt's, whose last positions are its tokens; then one token a pass."""
        self._prompt_tokens = prompt_tokens
        with at_each_router(model, self._hear):
            yield

    def settle(self, spans: Sequence[Span]) -> None:
        """Tell what is due of the tokens whose characters are certain; to be called after each pass."""
        if self._first_choices:
            counts = [torch.bincount(chosen, minlength=self._experts) for chosen in self._first_choices]
            self._first_choices = []
            rows = torch.stack(counts).tolist()
            self._on_prompt(self._prompt_tokens, tuple(tuple(row) for row in rows))
        ready = min(len(spans), len(self._heard) + len(self._new)) - len(self._told)
        is_due = time.monotonic() - self._told_at >= _PART_SECONDS
        if ready > 0 and (is_due or ready >= self._largest()):
            self._tell(spans)

    def finish(self, spans: Sequence[Span]) -> None:
        """Tell the rest; all of it again should the spans differ from those that were told."""
        if list(spans[: len(self._told)]) != self._told:
            self._told = []
        self._tell(spans)

    def _hear(self, place: int, router: object, inputs: object, said: tuple[Tensor, ...]) -> None:
        scores, weights, chosen = said
        self._passes += place == 0
        if self._passes == 1:
            self._first_choices.append(chosen[-self._prompt_tokens :, 0])
            self._experts = scores.shape[-1]
            return
        if place == 0:
            self._new.append([])
        self._new[-1].append((chosen, weights))

    def _largest(self) -> int:
        """How many tokens a part has at most."""
        choices = sum(len(row) for row in self._heard[0][0]) if self._heard else _choices(self._new)
        return max(1, _LARGEST_PART // max(1, choices))

    def _tell(self, spans: Sequence[Span]) -> None:
        self._fetch()
        until = min(len(spans), len(self._heard))
        while len(self._told) < until:
            first = len(self._told)
            upto = min(until, first + self._largest())
            self._on_tokens(first, tuple(_route(spans[n], *self._heard[n]) for n in range(first, upto)))
            self._told += spans[first:upto]
        self._told_at = time.monotonic()

    def _fetch(self) -> None:
        """Take what was heard from the device, all at once: each way there and back would wait for the passes."""
        if not self._new:
            return
        layers = len(self._new[0])
        pairs = [pair for token in self._new for pair in token]
        chosen = torch.cat([chosen for chosen, _ in pairs]).tolist()
        weights = torch.cat([weights for _, weights in pairs]).float().tolist()
        for at in range(0, len(pairs), layers):
            self._heard.append((chosen[at : at + layers], weights[at : at + layers]))
        self._new = []


def _choices(tokens: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> int:
    return sum(chosen.shape[-1] for chosen, _ in tokens[0]) if tokens else 0


def _route(span: Span, experts: list[list[int]], weights: list[list[float]]) -> TokenRoute:
    shares = tuple(tuple(round(weight, 4) for weight in row) for row in weights)
    return TokenRoute(*span, tuple(tuple(row) for row in experts), shares)
