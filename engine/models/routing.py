"""Routers: which experts a token goes to, and listening to what they say while a model computes."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn import functional

_START = 0.02  # the spread of a new router's weights; zero would give ties, and ties the same experts to every token


class Router(torch.nn.Module):
    """Scores (N, E) of each token for each expert, the K highest of them, and their weights, which sum to 1.

    It computes in float32. `noise` is the spread of what is added to the scores while training.
    """

    def __init__(self, hidden: int, experts: int, top_k: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(experts, hidden) * _START)
        self.top_k, self.noise = top_k, 0.0

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores (N, E), weights (N, K) and experts (N, K) for hidden states (N, D)."""
        scores = functional.linear(hidden.float(), self.weight)
        if self.training and self.noise > 0:
            scores = scores + self.noise * torch.randn_like(scores)
        highest, chosen = torch.topk(torch.softmax(scores, dim=-1), self.top_k, dim=-1)
        return scores, highest / highest.sum(dim=-1, keepdim=True), chosen


@dataclass
class Heard:
    """The routers' scores in one pass: (N, E) for each layer. `is_real` (N,) is False for padding, None if none is."""

    is_real: Tensor | None
    scores: list[Tensor] = field(default_factory=list)


def routers_of(model: torch.nn.Module) -> list[Any]:  # Any: ours, and those of transformers' own families
    """The routers of a model, first layer to last; none where it has no experts."""
    return [part for part in model.modules() if _is_router(part)]


def set_router_noise(model: torch.nn.Module, amount: float) -> None:
    """The spread of what is added to the routers' scores while training."""
    for router in routers_of(model):
        if not isinstance(router, Router) and amount > 0 and not hasattr(router, "noise"):
            router.register_forward_hook(_choose_again)
        router.noise = amount


@contextlib.contextmanager
def listening(model: Any) -> Iterator[list[Heard]]:  # Any: PeftModel or a transformers model
    """Within it, what the routers said in each pass that keeps a gradient; passes without (a reference's) are left out."""
    heard: list[Heard] = []
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model

    def begin(module: object, inputs: object, named: dict[str, Any]) -> None:
        if torch.is_grad_enabled():
            heard.append(Heard(_real_tokens(named.get("attention_mask"))))

    def note(module: object, inputs: object, said: tuple[Tensor, ...]) -> None:
        if torch.is_grad_enabled():
            heard[-1].scores.append(said[0])

    hooks = [base.get_decoder().register_forward_pre_hook(begin, with_kwargs=True)]
    hooks += [router.register_forward_hook(note) for router in routers_of(model)]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def at_each_router(
    model: torch.nn.Module, hear: Callable[[int, Any, object, tuple[Tensor, ...]], tuple[Tensor, ...] | None]
) -> Iterator[None]:
    """Within it, `hear` gets a router's place, from 0, the router, its inputs, and what it said, in every pass.

    What it returns is said in its place. A model without experts computes as ever.
    """
    hooks = [
        router.register_forward_hook(partial(hear, place)) for place, router in enumerate(routers_of(model))
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def sending(model: torch.nn.Module, choose: Callable[[int, Tensor], Tensor]) -> Iterator[None]:
    """Within it, tokens go to the experts that `choose` gives for a layer, from 0, and its router's own choice (N, K).

    The experts' weights are the router's all the same.
    """

    def send(layer: int, router: Any, inputs: object, said: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        scores, weights, chosen = said
        given = choose(layer, chosen)
        return (
            said if torch.equal(given, chosen) else (scores, _weighed(router, scores, given, weights), given)
        )

    with at_each_router(model, send):
        yield


def _choose_again(router: Any, inputs: object, said: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What a router of transformers' says, from scores with noise; a plain function, so that a copied model's own."""
    scores, weights, _ = said
    if not router.training or router.noise <= 0:
        return said
    scores = scores + router.noise * torch.randn_like(scores)
    chosen = scores.topk(router.top_k, dim=-1).indices
    return scores, _weighed(router, scores, chosen, weights), chosen


def _weighed(router: Any, scores: Tensor, chosen: Tensor, like: Tensor) -> Tensor:
    """The weights (N, K) of the chosen experts (N, K) by scores (N, E), in the numbers of `like`."""
    found = torch.softmax(scores.float(), dim=-1).gather(-1, chosen)
    if getattr(router, "norm_topk_prob", True):  # Mixtral's and ours have no such switch: they always do
        found = found / found.sum(dim=-1, keepdim=True)
    return found.to(like.dtype)


def _is_router(part: object) -> bool:
    return isinstance(part, Router) or type(part).__name__.endswith("TopKRouter")


def _real_tokens(mask: Tensor | None) -> Tensor | None:
    """(R * T,) of a mask (R, T) for padded rows; rows one after another have lengths in its place, and no padding."""
    if mask is None or mask.dim() != 2:
        return None
    is_real: Tensor = mask.flatten() != 0
    return is_real
