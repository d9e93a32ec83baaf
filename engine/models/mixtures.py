"""Models whose feed-forward part is a mixture of experts: where experts and routers stand, and which of them learn.

transformers holds the experts of a layer as two stacked parameters, `gate_up_proj` (E, 2I, D) and `down_proj`
(E, D, I), and the router as `gate.weight` (E, D).
"""

from collections.abc import Iterable
from typing import Any

import torch

from engine.job.errors import JobError
from engine.library.mixtures import stack_problem

STACKS = ("gate_up_proj", "down_proj")
ROUTER = "mlp.gate.weight"


def expert_modules(model: torch.nn.Module) -> list[tuple[str, Any]]:
    """The modules that hold a layer's stacked experts, by name, first layer first; empty for a dense model."""
    return [
        (name, part)
        for name, part in model.named_modules()
        if name.rpartition(".")[2] in ("experts", "base_layer") and _has_stacks(part)
    ]


def router_modules(model: torch.nn.Module) -> list[tuple[str, Any]]:
    """The modules that choose experts, by name, first layer first; empty for a dense model.

    Each gives logits (N, E), weights (N, K) and choices (N, K) for hidden states (N, D).
    """
    return [
        (name, part)
        for name, part in model.named_modules()
        if hasattr(part, "top_k") and hasattr(part, "num_experts") and hasattr(part, "weight")
    ]


def is_mixture(model: torch.nn.Module) -> bool:
    """Whether the model has experts of its own."""
    return bool(expert_modules(model))


def reaches_router(model: Any) -> bool:  # Any: a transformers model
    """Whether an adapter shall reach the routers, as `let_router_learn` noted."""
    return bool(getattr(model, "router_shall_learn", False))


def let_router_learn(model: Any) -> None:  # Any: a transformers model
    """Note that an adapter shall reach the routers, too."""
    model.router_shall_learn = True


def stacked_targets(model: torch.nn.Module, settings: Any) -> list[str]:  # Any: settings of LoRA
    """The stacked parameters that LoRA goes to beside plain matrices: experts with "mlp", routers where they learn.

    Raises JobError for what LoRA cannot do there: it changes such a parameter as a whole, not the text on its way in.
    """
    if not is_mixture(model):
        return []
    has_experts = not settings.names and settings.targets in ("all-linear", "mlp")
    targets = [f"mlp.experts.{name}" for name in STACKS] if has_experts else []
    targets += [ROUTER] if reaches_router(model) else []
    title, advice = stack_problem(settings) if targets else ("", "")
    if title:
        raise JobError(title, advice)
    return targets


def learn_parts(model: Any, learns: str) -> None:  # Any: a transformers model, trained whole
    """Let only a part of a whole model learn: "router", "experts" (with the router), "no-router" or "all"."""
    if learns == "all":
        return
    experts = _weights(part for _, part in expert_modules(model))
    routers = _weights(part for _, part in router_modules(model))
    for weight in model.parameters():
        is_part = id(weight) in routers or (learns == "experts" and id(weight) in experts)
        weight.requires_grad_(id(weight) not in routers if learns == "no-router" else is_part)


def _weights(modules: Iterable[Any]) -> set[int]:
    """The identities of the modules' own parameters."""
    return {id(weight) for part in modules for weight in part.parameters(recurse=False)}


def _has_stacks(part: Any) -> bool:
    return all(getattr(getattr(part, name, None), "ndim", 0) == 3 for name in STACKS)
