"""Matrix products of frozen weights and low-rank adapters, keeping for the way back only what it needs.

PEFT's layer keeps a float32 copy of its input and several results beside it; these keep the input itself, which the
part before has made anyway, and its product with A. In a 16-bit model the adapter is rounded to its numbers for each
product, and what an update learns from stays float32. Which layers take these is decided in `lean`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

PART = 4  # tensors that a part hands to autograd: weight, bias, A and B


class Part(NamedTuple):
    """y = x W^T + bias + scale (x A^T) B^T; weight (O, D), bias (O), a (R, D), b (O, R); without an adapter no a, b."""

    weight: Tensor
    bias: Tensor | None
    a: Tensor | None
    b: Tensor | None
    scale: float


def products(states: Tensor, parts: Sequence[Part]) -> tuple[Tensor, ...]:
    """What each part makes of the same states (..., D), as (..., O)."""
    scales = tuple(part.scale for part in parts)
    made: tuple[Tensor, ...] = _Products.apply(states, scales, *handed(parts))
    return made


def forward(states: Tensor, parts: Sequence[Part]) -> tuple[list[Tensor], Tensor | None]:
    """Products (N, O) of states (N, D), and the states by all A stacked (N, sum of R): None without adapters."""
    down = _stacked(parts, states.dtype)
    narrow = None if down is None else states @ down.t()
    made, at = [], 0
    for part in parts:
        out = (
            states @ part.weight.t() if part.bias is None else torch.addmm(part.bias, states, part.weight.t())
        )
        if part.a is not None and part.b is not None and narrow is not None:
            rank = len(part.a)
            out.addmm_(narrow[:, at : at + rank], part.b.to(out.dtype).t(), alpha=part.scale)
            at += rank
        made.append(out)
    return made, narrow


def backward(
    states: Tensor | None,
    narrow: Tensor | None,
    parts: Sequence[Part],
    from_outputs: Sequence[Tensor | None],
    wants: Sequence[bool],
) -> tuple[Tensor | None, list[Tensor | None]]:
    """Gradients of the states (N, D) and, in float32, of each part's A and B in turn.

    `from_outputs` are those of the products (N, O), `wants` what is wanted: of the states, and of each A and B.
    `states` and `narrow` are what `forward` took and gave, None where no part has an adapter.
    """
    pairs = list(zip(parts, from_outputs, strict=True))
    narrowed = None if narrow is None else _narrowed(pairs, narrow)
    into = _into_states(pairs, narrowed) if wants[0] else None
    weights, at = [], 0
    for number, (part, grad) in enumerate(pairs):
        own = slice(at, at + (0 if part.a is None else len(part.a)))
        wants_a, wants_b = wants[1 + 2 * number : 3 + 2 * number]
        of_a = of_b = None
        if wants_a and narrowed is not None and states is not None and grad is not None:
            of_a = (narrowed[:, own].t() @ states).float()
        if wants_b and narrow is not None and grad is not None:
            of_b = (grad.t() @ narrow[:, own]).float().mul_(part.scale)
        weights += [of_a, of_b]
        at = own.stop
    return into, weights


def flat(states: Tensor) -> Tensor:
    """Rows of numbers (N, D) of states (..., D)."""
    return states.reshape(-1, states.shape[-1])


def _stacked(parts: Sequence[Part], dtype: torch.dtype) -> Tensor | None:
    """All A one below the other, in the numbers of the model."""
    found = [part.a.to(dtype) for part in parts if part.a is not None]
    return torch.cat(found) if len(found) > 1 else found[0] if found else None


def _narrowed(pairs: Sequence[tuple[Part, Tensor | None]], narrow: Tensor) -> Tensor:
    """The gradient (N, sum of R) of `narrow`."""
    found = []
    for part, grad in pairs:
        if part.b is not None and grad is not None:
            found.append((grad @ part.b.to(grad.dtype)).mul_(part.scale))
        elif part.b is not None:
            found.append(narrow.new_zeros(len(narrow), part.b.shape[1]))
    return torch.cat(found, dim=1) if len(found) > 1 else found[0]


def _into_states(pairs: Sequence[tuple[Part, Tensor | None]], narrowed: Tensor | None) -> Tensor | None:
    into: Tensor | None = None
    for part, grad in pairs:
        if grad is not None:
            into = grad @ part.weight if into is None else into.addmm_(grad, part.weight)
    if into is not None and narrowed is not None:
        down = _stacked([part for part, _ in pairs], into.dtype)
        assert down is not None
        into.addmm_(narrowed, down)
    return into


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, scales: tuple[float, ...], *tensors: Tensor | None) -> Any:
        parts = gathered(tensors, scales)
        rows = flat(states)
        made, narrow = forward(rows, parts)
        ctx.scales, ctx.shape = scales, states.shape
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(None if narrow is None else rows, narrow, *tensors)
        return tuple(out.view(*states.shape[:-1], out.shape[-1]) for out in made)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *from_outputs: Tensor | None) -> Any:
        rows, narrow, *tensors = ctx.saved_tensors
        needs = ctx.needs_input_grad
        wants = [needs[0], *wanted(needs[2:])]
        grads = [None if grad is None else flat(grad) for grad in from_outputs]
        into, weights = backward(rows, narrow, gathered(tensors, ctx.scales), grads, wants)
        into = None if into is None else into.view(ctx.shape)
        return into, None, *spread(weights)


def handed(parts: Sequence[Part]) -> list[Tensor | None]:
    """The tensors of the parts one by one, as autograd handles them."""
    return [tensor for part in parts for tensor in (part.weight, part.bias, part.a, part.b)]


def gathered(tensors: Sequence[Tensor | None], scales: Sequence[float]) -> list[Part]:
    """The parts whose tensors were `handed`."""
    found = []
    for scale in scales:
        (weight, bias, a, b), tensors = tensors[:PART], tensors[PART:]
        assert weight is not None
        found.append(Part(weight, bias, a, b, scale))
    return found


def wanted(needs: Sequence[bool]) -> list[bool]:
    """Of what autograd asks for each tensor of the parts: that of A and B."""
    return [need for at, need in enumerate(needs) if at % PART >= 2]


def spread(weights: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients of A and B in turn among those of weight and bias, which are frozen."""
    return [grad for at in range(0, len(weights), 2) for grad in (None, None, *weights[at : at + 2])]
