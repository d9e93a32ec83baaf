"""Lean ways through a model that has its PEFT adapter: the same numbers in less time and memory.

Each covered module gets a forward of our own, on the instance alone. Modules, names, parameters and what is saved stay
PEFT's and transformers'; whatever a lean way does not know at the moment of a call (an adapter switched off or built
in, dropout, other numbers) goes the module's own way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor

from engine.models.lean_layers import children_of, is_frozen_matrix, is_low_rank, is_watched, parts_for
from engine.models.lean_lora import products
from engine.models.lean_mlp import activation_of, gated
from engine.models.lean_norm import Form, form_of, normed
from engine.models.lean_together import Together

_READERS = ("q_proj", "k_proj", "v_proj")
_GATED = ("gate_proj", "up_proj", "down_proj")


def take_lean(model: torch.nn.Module) -> bool:
    """Have what this knows of the model compute in our own way; False when no low-rank layer is among it.

    Known are PEFT's low-rank layers beside frozen whole matrices and, in a model that has some, gated feed-forward
    parts and normalisations that are frozen themselves.
    """
    leave_lean(model)
    parts: list[Any] = list(model.modules()) if isinstance(model, PeftModel) else []
    low_rank = [part for part in parts if is_low_rank(part)]
    if not low_rank:
        return False
    groups = [(part, _found(part, _READERS)) for part in parts]
    feed_forward = [(part, _found(part, _GATED)) for part in parts]
    for part in low_rank:
        part.forward = _Product(part)
    for part, members in groups:
        if any(is_low_rank(member) for member in members):
            group = Together(part, _READERS)
            group.watch()
            for member in members:
                member.forward = _Product(member, group)
    for part, members in feed_forward:
        activation = activation_of(part) if members else None
        if activation is not None:
            part.forward = _FeedForward(part, activation)
    for part in parts:
        form = form_of(part) if "RMSNorm" in type(part).__name__ else None
        if form is not None:
            part.forward = _Norm(part, *form)
    return True


def leave_lean(model: torch.nn.Module) -> None:
    """Everything computes as PEFT and transformers have it again."""
    for part in model.modules():
        own = vars(part).get("forward")
        if isinstance(own, _OURS):
            del part.forward
        if isinstance(own, _Product) and own.group is not None:
            own.group.leave()


def group_of(attention: torch.nn.Module) -> Together | None:
    """What computes an attention's queries, keys and values together; None where nothing does."""
    values: Any = dict(attention.named_children()).get(_READERS[-1])
    own = None if values is None else vars(values).get("forward")
    return own.group if isinstance(own, _Product) else None


@dataclass(eq=False)
class _Product:
    """A matrix product with or without LoRA, by itself or together with others that read the same."""

    module: Any  # Any: PEFT's layers share no typed interface
    group: Together | None = None

    def __call__(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        if not args and not options:
            made = None if self.group is None else self.group.output(self.module, x)
            if made is not None:
                return made
            parts = parts_for([self.module], x)
            if parts is not None:
                return products(x, parts)[0]
        return _own_way(self.module, x, *args, **options)


@dataclass(eq=False)
class _FeedForward:
    """A gated feed-forward part as a whole."""

    module: Any  # Any: each family has a class of its own
    activation: str

    def __call__(self, x: Tensor) -> Tensor:
        members = children_of(self.module, _GATED)
        parts = None if any(map(is_watched, members)) else parts_for(members, x)
        return _own_way(self.module, x) if parts is None else gated(x, self.activation, *parts)


@dataclass(eq=False)
class _Norm:
    """A normalisation whose weight is frozen."""

    module: Any  # Any: each family has a class of its own
    eps: float
    form: Form

    def __call__(self, x: Tensor) -> Tensor:
        weight: Tensor = self.module.weight
        is_known = not weight.requires_grad and weight.dtype == x.dtype
        if is_known and not torch.is_autocast_enabled(x.device.type):
            return normed(x, weight, self.eps, self.form)
        return _own_way(self.module, x)


_OURS = (_Product, _FeedForward, _Norm)


def _own_way(module: Any, *args: Any, **options: Any) -> Tensor:
    made: Tensor = type(module).forward(module, *args, **options)
    return made


def _found(part: torch.nn.Module, names: Sequence[str]) -> list[Any]:
    """The children of these names, where all are matrices that this knows; else none."""
    members = children_of(part, names)
    is_known = all(is_low_rank(member) or is_frozen_matrix(member) for member in members)
    return members if is_known and len(members) == len(names) else []
