"""The part of a mixture of LoRA experts that differs from expert to expert: low-rank products and the activation.

Only what was there before is kept for the way back; each expert's activations are computed again there.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_ALIGNED = 16  # bytes that rows of a grouped product must be a multiple of
_NEAR = 0.05  # of a tensor's norm, between both ways, in any numbers


@dataclass(frozen=True)
class Routes:
    """Where the M = N * K pairs of token and expert go, expert by expert.

    `order` (M,): which pair of all (N * K) each is, and `token` (M,) its token; `place` (N, K): where the pairs of each
    token stand; `slot` (M,): token * E + expert; `ends` (E,), int32: where each expert's pairs end.
    """

    order: Tensor
    token: Tensor
    place: Tensor
    slot: Tensor
    ends: Tensor


def routes_of(chosen: Tensor, experts: int) -> Routes:
    """The routes for the chosen experts (N, K)."""
    flat = chosen.flatten()
    order = flat.argsort(stable=True)
    token = order // chosen.shape[1]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    counts = (flat.unsqueeze(1) == torch.arange(experts, device=flat.device)).sum(0)
    ends = counts.cumsum(0).to(torch.int32)
    return Routes(order, token, place.reshape(chosen.shape), token * experts + flat[order], ends)


def routed_swiglu(
    gate: Tensor,
    up: Tensor,
    narrow: Tensor,
    weights: Tensor,
    matrices: tuple[Tensor, Tensor, Tensor],
    routes: Routes,
    is_grouped: bool,
) -> tuple[Tensor, Tensor]:
    """What each expert makes of its tokens, summed with their weights; and each expert's way back, still narrow.

    `gate`, `up` (N, I): the base's products; `narrow` (M, 2r): the experts' A for both; `weights` (M,); `matrices`:
    B of gate and up (E, r, I) and A of the way back (E, r, I). With h_m = silu(gate + A B) * (up + A B) the result is
    sum w_m h_m (N, I), and h_m A' (M, r). `is_grouped`: one product for all experts instead of one for each.
    """
    found: tuple[Tensor, Tensor] = _RoutedSwiglu.apply(
        gate, up, narrow, weights, *matrices, routes, is_grouped
    )
    return found


def can_group(narrow: Tensor, wide: Tensor) -> bool:
    """Whether torch's product for several groups takes these, as a small trial proves: (M, 2r) and (E, r, I)."""
    rank, inner = narrow.shape[1] // 2, wide.shape[2]
    if not hasattr(functional, "grouped_mm") or any(
        size * narrow.element_size() % _ALIGNED for size in (rank, inner)
    ):
        return False
    return _is_proved(str(narrow.device), narrow.dtype, rank, inner)


@lru_cache(maxsize=32)
def _is_proved(device: str, dtype: torch.dtype, rank: int, inner: int) -> bool:
    """Whether a few tokens, one expert without any, give the same values and gradients in both ways there."""
    routes = routes_of(torch.tensor([[0, 2], [2, 3], [0, 3], [0, 2], [3, 2]], device=device), 4)
    chance = torch.Generator().manual_seed(0)
    shapes = [(5, inner), (5, inner), (10, 2 * rank), (10,), *[(4, rank, inner)] * 3]
    given = [0.1 * torch.randn(shape, generator=chance) for shape in shapes]
    found = []
    for is_grouped in (False, True):
        held = [value.to(device, dtype).requires_grad_() for value in given]
        try:
            with torch.enable_grad():
                gate, up, z, weights, *matrices = held
                three = (matrices[0], matrices[1], matrices[2])
                out = routed_swiglu(gate, up, z, weights, three, routes, is_grouped)
                back = torch.autograd.grad(out, held, [torch.ones_like(part) for part in out])
        except RuntimeError:  # how torch says that a device, a kind of number or a layout is not taken
            return False
        found.append([*out, *back])
    return all(
        (one.float() - other.float()).norm() <= _NEAR * one.float().norm()
        for one, other in zip(*found, strict=True)
    )


class _RoutedSwiglu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # Any: torch's own context
        gate: Tensor,
        up: Tensor,
        narrow: Tensor,
        weights: Tensor,
        gate_b: Tensor,
        up_b: Tensor,
        down_a: Tensor,
        routes: Routes,
        is_grouped: bool,
    ) -> tuple[Tensor, Tensor]:
        parts = _parts(routes, is_grouped)
        summed, back = torch.zeros_like(gate), narrow.new_empty(len(narrow), down_a.shape[1])
        for part in parts:
            _, _, h = _activated(part, gate, up, narrow, gate_b, up_b)
            back[part.rows] = part.back(h, down_a)
            part.add(h.mul_(weights[part.rows].unsqueeze(1).to(h.dtype)), summed)
        ctx.save_for_backward(gate, up, narrow, weights, gate_b, up_b, down_a)
        ctx.parts = parts
        return summed, back

    @staticmethod
    def backward(ctx: Any, d_summed: Tensor, d_back: Tensor) -> tuple[Tensor | None, ...]:
        gate, up, narrow, weights, gate_b, up_b, down_a = ctx.saved_tensors
        d_gate, d_up = torch.zeros_like(gate), torch.zeros_like(up)
        d_narrow, d_weights = torch.empty_like(narrow), torch.zeros_like(weights)
        d_gate_b, d_up_b, d_down_a = (
            torch.zeros_like(gate_b),
            torch.zeros_like(up_b),
            torch.zeros_like(down_a),
        )
        d_back, rank = d_back.contiguous(), gate_b.shape[1]
        for part in ctx.parts:
            rows, z = part.rows, narrow[part.rows]
            g, u, h = _activated(part, gate, up, narrow, gate_b, up_b)
            d_h = d_summed[part.token]
            d_weights[rows] = (d_h * h).sum(-1, dtype=torch.float32).to(weights.dtype)
            d_h.mul_(weights[rows].unsqueeze(1).to(d_h.dtype)).add_(part.times(d_back[rows], down_a))
            part.outer(d_back[rows], h, d_down_a)
            sigmoid = torch.sigmoid(g)
            d_u = d_h * (g * sigmoid)
            d_g = d_h.mul_(u).mul_(sigmoid * (1 + g * (1 - sigmoid)))
            part.outer(z[:, :rank], d_g, d_gate_b)
            part.outer(z[:, rank:], d_u, d_up_b)
            d_narrow[rows, :rank] = part.back(d_g, gate_b)
            d_narrow[rows, rank:] = part.back(d_u, up_b)
            part.add(d_g, d_gate)
            part.add(d_u, d_up)
        return d_gate, d_up, d_narrow, d_weights, d_gate_b, d_up_b, d_down_a, None, None


@dataclass(frozen=True)
class _One:
    """The pairs of one expert: small pieces, one after the other."""

    expert: int
    rows: slice
    token: Tensor

    def times(self, narrow: Tensor, matrices: Tensor) -> Tensor:
        """(m, r) to (m, I)."""
        return narrow @ matrices[self.expert]

    def back(self, wide: Tensor, matrices: Tensor) -> Tensor:
        """(m, I) to (m, r)."""
        return wide @ matrices[self.expert].T

    def outer(self, narrow: Tensor, wide: Tensor, into: Tensor) -> None:
        """The gradient of `matrices`."""
        into[self.expert] = narrow.T @ wide

    def add(self, wide: Tensor, into: Tensor) -> None:
        """Add each pair to its token's row."""
        into.index_add_(0, self.token, wide)


@dataclass(frozen=True)
class _All:
    """The pairs of all experts at once."""

    rows: slice
    token: Tensor
    routes: Routes

    def times(self, narrow: Tensor, matrices: Tensor) -> Tensor:
        """(M, r) to (M, I)."""
        return functional.grouped_mm(narrow, matrices, offs=self.routes.ends)

    def back(self, wide: Tensor, matrices: Tensor) -> Tensor:
        """(M, I) to (M, r)."""
        return functional.grouped_mm(wide, matrices.transpose(1, 2), offs=self.routes.ends)

    def outer(self, narrow: Tensor, wide: Tensor, into: Tensor) -> None:
        """The gradient of `matrices`."""
        into.copy_(functional.grouped_mm(narrow.T, wide, offs=self.routes.ends))

    def add(self, wide: Tensor, into: Tensor) -> None:
        """Add each pair to its token's row, always in the same order."""
        tokens, chosen = self.routes.place.shape
        into.add_(wide[self.routes.place.flatten()].reshape(tokens, chosen, -1).sum(1))


def _parts(routes: Routes, is_grouped: bool) -> list[Any]:  # Any: _One or _All
    if is_grouped:
        return [_All(slice(None), routes.token, routes)]
    ends = [0, *routes.ends.tolist()]
    return [
        _One(expert, slice(start, stop), routes.token[start:stop])
        for expert, (start, stop) in enumerate(pairwise(ends))
        if stop > start
    ]


def _activated(
    part: Any, gate: Tensor, up: Tensor, narrow: Tensor, gate_b: Tensor, up_b: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Of these pairs, before and after the activation: (m, I) each."""
    z, rank = narrow[part.rows], gate_b.shape[1]
    g = gate[part.token].add_(part.times(z[:, :rank], gate_b))
    u = up[part.token].add_(part.times(z[:, rank:], up_b))
    return g, u, functional.silu(g).mul_(u)
