"""The last layer where it counts: what follows its keys and values is computed at the scored positions alone.

Nothing behind the last layer's attention mixes tokens: from its queries to the head each row of numbers goes its own
way, and only those at scored positions are read. Its queries, what leads out of attention and its feed-forward part
get those rows alone, and zeros stand for the others, which nobody reads and no gradient comes back from. Families'
own code around them stays as it is, and so do the shapes. Which positions count is known through `wanted`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from engine.job.errors import ModelError
from engine.models.lean import group_of
from engine.models.lean_layers import is_watched
from engine.models.prompts import has_prompt
from engine.models.routing import routers_of
from engine.models.targets import decoder_layers, is_linear, part_of
from engine.models.wanted import Wanted, wanted_now, wanting

_READS = "q_proj"  # reads for queries alone; matrices that make keys and values as well need all rows
_LEADS_OUT = ("o_proj", "out_proj", "dense", "c_proj")
_MOST = 0.85  # share of positions beyond which choosing rows costs as much as it saves


@dataclass(frozen=True, eq=False)
class LastLayer:
    """A model's last layer, known by its attention."""

    attention: torch.nn.Module

    def over(self, rows: Tensor, shape: tuple[int, int]) -> AbstractContextManager[None]:
        """Within it, the layer computes for these positions (M,) of the flattened (R, T), ascending, each once.

        For all where that is nearly all of them, or none is.
        """
        count = shape[0] * shape[1]
        is_worth_it = 0 < len(rows) <= _MOST * count
        return wanting(Wanted(rows, shape, self.attention)) if is_worth_it else nullcontext()


def take_last(model: torch.nn.Module) -> LastLayer | None:
    """Have the last layer look at what is wanted; None where rows of other tokens may count there or behind it.

    They do where learned positions stand before the text and for experts, whose routers count every token. To be
    taken on top of lean layers, and left before them.
    """
    leave_last(model)
    try:
        layer = decoder_layers(model)[-1]
    except ModelError:
        return None
    attentions = [part for part, kind in _parts(layer) if kind == "attention"]
    if has_prompt(model) or len(attentions) != 1 or not _is_row_wise(layer):
        return None
    attention = attentions[0]
    inner = dict(attention.named_children())
    narrowed = [inner[name] for name in (_READS, *_LEADS_OUT) if name in inner]
    narrowed += [part for part, kind in _parts(layer) if kind == "mlp"]
    for part in narrowed:
        part.forward = _Rows(part, vars(part).get("forward"))
    if _READS in inner and (group := group_of(attention)) is not None:
        group.apart = inner[_READS]
    return LastLayer(attention) if narrowed else None


def leave_last(model: torch.nn.Module) -> None:
    """The last layer computes every row again."""
    for part in model.modules():
        own: Any = vars(part).get("forward")
        if isinstance(own, _Rows):
            del part.forward
            if own.below is not None:
                part.forward = own.below
        group = group_of(part)
        if group is not None:
            group.apart = None


@dataclass(eq=False)
class _Rows:
    """A part that works row by row, or `below`, which computes in its place: on the wanted rows, where some are."""

    module: Any  # Any: each family and PEFT have classes of their own
    below: Callable[..., Tensor] | None

    def __call__(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        wanted = wanted_now()
        is_known = not args and not options and wanted is not None and tuple(x.shape[:-1]) == wanted.shape
        if wanted is None or not is_known or any(map(is_watched, self.module.modules())):
            return self._own(x, *args, **options)
        made: Tensor = _Spread.apply(self._own(_Picked.apply(x, wanted.rows)), wanted.rows, wanted.shape)
        return made

    def _own(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        if self.below is not None:
            return self.below(x, *args, **options)
        made: Tensor = type(self.module).forward(self.module, x, *args, **options)
        return made


class _Picked(torch.autograd.Function):
    """Rows (1, M, D) of states (R, T, D)."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = states.shape[:-1]
        return _picked(states, rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        (rows,) = ctx.saved_tensors
        return _spread(grad, rows, ctx.shape), None


class _Spread(torch.autograd.Function):
    """States (R, T, D) that hold these (1, M, D) at their rows, else zeros."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, rows: Tensor, shape: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(rows)
        return _spread(states, rows, shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        (rows,) = ctx.saved_tensors
        return _picked(grad, rows), None, None


def _picked(states: Tensor, rows: Tensor) -> Tensor:
    return states.flatten(0, -2).index_select(0, rows).unsqueeze(0)


def _spread(states: Tensor, rows: Tensor, shape: tuple[int, int]) -> Tensor:
    whole = states.new_zeros(shape[0] * shape[1], states.shape[-1])
    return whole.index_copy_(0, rows, states.flatten(0, -2)).view(*shape, -1)


def _parts(layer: torch.nn.Module) -> list[tuple[torch.nn.Module, str]]:
    """The layer's own parts that have parts, and what each belongs to: dropout has none."""
    found = [(part, part_of(f"{name}.weight")) for name, part in layer.named_children()]
    return [(part, kind) for part, kind in found if any(part.children())]


def _is_row_wise(layer: torch.nn.Module) -> bool:
    """Whether all with weights beside attention itself are matrices, norms and adapters of such."""
    holders = [part for part in layer.modules() if next(part.parameters(recurse=False), None) is not None]
    return not routers_of(layer) and all(map(_is_known, holders))


def _is_known(part: torch.nn.Module) -> bool:
    is_adapters = isinstance(part, torch.nn.ParameterDict) or type(part).__module__.startswith("peft.")
    return is_linear(part) or is_adapters or "norm" in type(part).__name__.lower()
