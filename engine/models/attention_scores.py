"""How much each query of a block looks for each key that it may see: scores, what is hidden of them, and their width."""

from functools import lru_cache

import torch
from torch import Tensor

from engine.models.rounding import rounds_once

_WIDTH = 32  # numbers that a processor takes at a time: for scores of other lengths softmax takes up to twice as long
_BELOW = 1.0  # the highest score of a query: where most of its weight is, as far as one number can say


def full(count: int) -> int:
    """`count` keys, and as many more as make scores of a length that processors are quick with."""
    return -(-count // _WIDTH) * _WIDTH


def wide_scores(
    queries: Tensor, keys: Tensor, scale: float, cap: float | None
) -> tuple[Tensor, Tensor | None]:
    """Scores (G, N, S) of `queries` (G, N, D) for wide `keys` (G, S, D), and the derivative of soft-capping."""
    # Scaled on the way out: queries times the scale would no longer be bfloat16.
    nothing = keys.new_zeros(1, 1, 1)
    scores = torch.baddbmm(nothing, queries.to(keys.dtype), keys.transpose(1, 2), beta=0, alpha=scale)
    if cap is None:
        return scores, None
    scores = scores.div_(cap).tanh_()
    bend = (1 - scores.square()).to(queries.dtype)
    return scores.mul_(cap), bend


def may_shift(states: Tensor, cap: float | None) -> bool:
    """Whether `shifted_scores` are for these states: where they are quick, and nothing bends them."""
    return states.dtype == torch.bfloat16 and cap is None and rounds_once()


def shift_for(highest: Tensor) -> Tensor:
    """What to add to scores of which these are the highest, for `shifted_scores`."""
    return (_BELOW - highest).to(torch.bfloat16)


def shifted_scores(queries: Tensor, keys: Tensor, shift: Tensor, scale: float) -> Tensor:
    """Scores (G, N, S) less about the highest of each query: of the same softmax, and enough in bfloat16.

    A score s less c is rounded once, by 2^-9 |s - c| at most, however large s is. What a query looks for most lies
    near c; what lies far below has next to no weight, and may be off by more. `shift` (G, N, 1) is -c.
    """
    return torch.baddbmm(shift, queries, keys.transpose(1, 2), alpha=scale)


def hide(scores: Tensor, place: int, window: int | None) -> None:
    """Nothing of what comes later, or was longer ago than the window holds: scores (..., T, S) of -inf.

    The first query is number `place` of the keys; those from the last query's on come later, and may be no keys at all.
    """
    count, seen = scores.shape[-2:]
    scores[..., place:].add_(_later(full(count), scores.dtype)[:count, : seen - place])
    if window is not None and (touched := place + count - window) > 0:
        scores[..., :touched].add_(_before(count, touched, scores.dtype))


@lru_cache(maxsize=16)
def _later(count: int, dtype: torch.dtype) -> Tensor:
    """-inf where key j comes after query i, else 0: added several times faster than filled in."""
    return torch.full((count, count + _WIDTH), -torch.inf, dtype=dtype).triu_(1)


@lru_cache(maxsize=32)
def _before(count: int, touched: int, dtype: torch.dtype) -> Tensor:
    """-inf where key j was too long ago for query i, else 0; the last query no longer sees any of the keys."""
    return torch.full((count, touched), -torch.inf, dtype=dtype).tril_(touched - count)
