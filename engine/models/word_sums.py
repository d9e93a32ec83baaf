"""Sums over the scores of all words, of which a tile is held at a time, never all (N, V).

What is summed is kept as in flash attention (Dao et al. 2022, algorithm 1), with words in the place of keys: a running
maximum, and sums that are scaled down whenever it grows. Which head a model has is not known here.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from engine.models.tiles import Plan, left_out, rough_product, tiles, wide, wide_dtype, wide_products


def word_sums(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, plan: Plan
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Of N hidden states (N, D): scores of their targets (N,), log of all words' summed exponentials, summed scores.

    `weight` (V, D), `bias` (V,). Where these are frozen, gradients by the hidden states are formed on the way and only
    scaled in the backward pass; where they learn, the tiles are computed again there. Without gradient neither is done.
    """
    is_learned = weight.requires_grad or (bias is not None and bias.requires_grad)
    way: Any = _Learned if is_learned else _Frozen  # Any: torch types `apply` by nothing
    is_asked = torch.is_grad_enabled() and (is_learned or hidden.requires_grad)
    target, normalizer, total = way.apply(hidden, weight, bias, targets, plan, is_asked)
    return target, normalizer, total


class _Frozen(torch.autograd.Function):
    """With weights that do not learn: a gradient by the hidden states alone."""

    @staticmethod
    def forward(
        ctx: Any,  # Any: torch's own, which takes any attribute
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        plan: Plan,
        is_asked: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        with wide_products(plan.numbers, hidden.device):
            sums = _summed(hidden, weight, bias, plan, is_asked)
            target = _of_targets(hidden, weight, bias, targets, plan)
        if is_asked:
            ctx.save_for_backward(weight, targets, target, sums.normalizer_slope, sums.total_slope)
            ctx.plan, ctx.dtype = plan, hidden.dtype
        return target, sums.normalizer, sums.total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_target: Tensor, by_normalizer: Tensor, by_total: Tensor | None) -> Any:
        weight, targets, target, normalizer_slope, total_slope = ctx.saved_tensors
        plan: Plan = ctx.plan
        own = plan.bend.bent(by_target * plan.bend.scale, target)
        found = own.unsqueeze(1) * weight[targets].to(plan.numbers)
        found.addcmul_(by_normalizer.unsqueeze(1), normalizer_slope)
        if plan.average and by_total is not None:
            found.addcmul_(by_total.unsqueeze(1), total_slope)
        return found.to(ctx.dtype), None, None, None, None, None


class _Learned(torch.autograd.Function):
    """With weights that learn: each tile's scores are computed again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,  # Any: see _Frozen
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        plan: Plan,
        is_asked: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        with wide_products(plan.numbers, hidden.device):
            sums = _summed(hidden, weight, bias, plan, with_slopes=False)
            target = _of_targets(hidden, weight, bias, targets, plan)
        if is_asked:
            ctx.save_for_backward(hidden, weight, bias, targets, target, sums.normalizer)
            ctx.plan = plan
        return target, sums.normalizer, sums.total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_target: Tensor, by_normalizer: Tensor, by_total: Tensor | None) -> Any:
        hidden, weight, bias, targets, target, normalizer = ctx.saved_tensors
        plan: Plan = ctx.plan
        exact, narrow = wide(hidden, plan.numbers), hidden.to(plan.numbers)
        own = plan.bend.bent(by_target * plan.bend.scale, target).unsqueeze(1)
        with wide_products(plan.numbers, hidden.device):
            of_hidden = own * wide(weight[targets], plan.numbers)
            of_weight, of_bias = torch.empty_like(weight), None if bias is None else torch.empty_like(bias)
            for at, tile, scores in tiles(hidden, weight, bias, plan):
                by = (scores - normalizer.unsqueeze(1)).exp_().mul_(by_normalizer.unsqueeze(1))
                if plan.average and by_total is not None:
                    by += by_total.unsqueeze(1)
                by = plan.bend.bent(by, scores).mul_(plan.bend.scale)
                if (gone := left_out(plan, at, len(tile), tile.device)) is not None:
                    by[:, gone] = 0
                of_hidden += rough_product(by, tile, plan.numbers)
                of_weight[at : at + len(tile)] = rough_product(by.T, narrow, plan.numbers)
                if of_bias is not None:
                    of_bias[at : at + len(tile)] = by.sum(0)
        of_weight.index_add_(0, targets, (own * exact).to(weight.dtype))
        if of_bias is not None:
            of_bias.index_add_(0, targets, own.squeeze(1).to(of_bias.dtype))
        return of_hidden.to(hidden.dtype), of_weight, of_bias, None, None, None


@dataclass
class _Sums:
    """Of N rows: log of the summed exponentials (N,), the summed scores (N,), and of both the gradient by the row.

    Gradients (N, D), or (1, D) where all rows have the same; None where nobody asked.
    """

    normalizer: Tensor
    total: Tensor | None
    normalizer_slope: Tensor | None
    total_slope: Tensor | None


def _summed(hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: Plan, with_slopes: bool) -> _Sums:
    rows, width = hidden.shape
    dtype = wide_dtype(plan.numbers)
    blank = hidden.new_zeros(rows, 1, dtype=dtype)
    top, summed = blank + torch.finfo(dtype).min, blank.clone()
    slope = hidden.new_zeros(rows, width, dtype=dtype) if with_slopes else None
    total = blank.clone() if plan.average else None
    total_slope = blank.new_zeros(1, width) if with_slopes and plan.average else None
    for at, tile, scores in tiles(hidden, weight, bias, plan):
        gone = left_out(plan, at, len(tile), tile.device)
        if total is not None:
            total += scores.sum(1, keepdim=True)
            if gone is not None:
                total -= scores[:, gone].sum(1, keepdim=True)
        if total_slope is not None:
            even = plan.bend.bent(scores.new_ones(1, len(tile)), scores)
            if gone is not None:
                even[:, gone] = 0
            total_slope = total_slope + rough_product(even, tile, plan.numbers)
        if gone is not None:
            scores[:, gone] = -torch.inf
        higher = torch.maximum(top, scores.amax(1, keepdim=True))
        shrink = (top - higher).exp_()
        chances = (scores - higher).exp_()
        summed.mul_(shrink).add_(chances.sum(1, keepdim=True))
        if slope is not None:
            steep = plan.bend.bent(chances, scores)
            if gone is not None:
                steep[:, gone] = 0
            slope.mul_(shrink).add_(rough_product(steep, tile, plan.numbers))
        top = higher
    if slope is not None:
        slope.mul_(plan.bend.scale).div_(summed)
    if total_slope is not None:
        total_slope = total_slope * plan.bend.scale
    normalizer = (top + summed.log_()).squeeze(1)
    return _Sums(normalizer, None if total is None else total.squeeze(1), slope, total_slope)


def _of_targets(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, plan: Plan) -> Tensor:
    """The scores (N,) of one word for each row."""
    products = (wide(hidden, plan.numbers) * wide(weight[targets], plan.numbers)).sum(1)
    return plan.bend.scores(products if bias is None else products + bias[targets])
