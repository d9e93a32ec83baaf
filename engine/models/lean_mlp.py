"""Gated feed-forward parts, down(act(gate(x)) * up(x)), as one step that keeps x, gate and up alone.

Their product, a third of what a layer keeps of its middle width, is computed once more on the way back.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.models.lean_lora import Part, backward, flat, forward, gathered, handed, spread, wanted

_slope_silu = torch.ops.aten.silu_backward.grad_input
_slope_gelu = torch.ops.aten.gelu_backward.grad_input

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor, Tensor], object]]] = {
    "silu": (functional.silu, lambda grad, at, out: _slope_silu(grad, at, grad_input=out)),
    "gelu_tanh": (
        lambda states: functional.gelu(states, approximate="tanh"),
        lambda grad, at, out: _slope_gelu(grad, at, approximate="tanh", grad_input=out),
    ),
}
"""By name: the function, and its gradient by `grad` at a place, written into `out`."""


def gated(states: Tensor, activation: str, gate: Part, up: Part, down: Part) -> Tensor:
    """What the feed-forward part makes of states (..., D), as (..., D)."""
    parts = (gate, up, down)
    scales = tuple(part.scale for part in parts)
    made: Tensor = _Gated.apply(states, activation, scales, *handed(parts))
    return made


def activation_of(module: Any) -> str | None:  # Any: each family has a class of its own
    """The activation of a part that computes exactly down(act(gate(x)) * up(x)); None for any other.

    Tried with stand-ins for the matrices, so that nothing depends on names of classes.
    """
    states = torch.linspace(-6, 6, 64)
    activate = dict(module.named_children()).get("act_fn")
    if activate is None:
        return None
    name = next(
        (
            name
            for name, (function, _) in ACTIVATIONS.items()
            if torch.equal(function(states), activate(states))
        ),
        None,
    )
    stand_in = SimpleNamespace(
        gate_proj=lambda x: 3 * x, up_proj=lambda x: x - 1, down_proj=lambda x: x.flip(-1), act_fn=activate
    )
    try:
        found = type(module).forward(stand_in, states)
    except (AttributeError, TypeError):  # it uses more than these
        return None
    is_exact = torch.equal(found, (activate(3 * states) * (states - 1)).flip(-1))
    return name if is_exact else None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, activation: str, scales: tuple[float, ...], *tensors: Tensor | None
    ) -> Tensor:
        parts = gathered(tensors, scales)
        rows = flat(states)
        (gate, up), narrow = forward(rows, parts[:2])
        middle = ACTIVATIONS[activation][0](gate).mul_(up)
        (out,), narrow_middle = forward(middle, parts[2:])
        ctx.activation, ctx.scales, ctx.shape = activation, scales, states.shape
        kept = None if narrow is None else rows
        ctx.save_for_backward(kept, gate, up, narrow, narrow_middle, *tensors)
        return out.view(*states.shape[:-1], out.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, from_output: Tensor) -> Any:
        rows, gate, up, narrow, narrow_middle, *tensors = ctx.saved_tensors
        parts, wants = gathered(tensors, ctx.scales), wanted(ctx.needs_input_grad[3:])
        is_wanted = ctx.needs_input_grad[0]
        function, slope = ACTIVATIONS[ctx.activation]
        active = function(gate)
        middle = active * up
        from_middle, of_down = backward(
            middle, narrow_middle, parts[2:], [flat(from_output)], [is_wanted or any(wants[:4]), *wants[4:]]
        )
        if from_middle is None:
            return None, None, None, *spread([None] * 4 + of_down)
        from_gate = torch.mul(from_middle, up, out=middle)
        slope(from_gate, gate, from_gate)
        from_up = from_middle.mul_(active)
        into, of_two = backward(rows, narrow, parts[:2], [from_gate, from_up], [is_wanted, *wants[:4]])
        into = None if into is None else into.view(ctx.shape)
        return into, None, None, *spread(of_two + of_down)
