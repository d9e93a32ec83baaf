"""Causal attention of the sequences of one row, each to itself and to the beginning that it shares, on the CPU.

torch's own attention there is slow on the way back. This one multiplies whole blocks of queries with the keys they may
look at, and hardly any others, and forms the weights anew on the way back, so that nothing is kept but queries, keys
and values, and about how high each query's scores are.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.models.attention_scores import full, hide, may_shift, shift_for, shifted_scores, wide_scores
from engine.models.rounding import has_matrix_units
from engine.models.tiles import wide_dtype, wide_products

_ROWS = 128  # of a block's scores for each head of keys: enough for fast products, few enough to stay in the cache
_FEWEST = 64  # queries of a block


@dataclass(frozen=True)
class Segment:
    """A sequence of a row: `length` tokens from `start` on, and before them what it shares with an earlier one.

    That are `shared` tokens, which stand in the row once, from `shared_start` on. Only its own tokens within `asked`,
    from one number up to another, need to look, all for None; zeros may stand for what others find.
    """

    start: int
    length: int
    shared_start: int = 0
    shared: int = 0
    asked: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True)
class Scoring:
    """How scores are made: times `scale`, held within +-`cap`, of keys less than `window` tokens before."""

    scale: float
    window: int | None = None
    cap: float | None = None


def attend(query: Tensor, key: Tensor, value: Tensor, parts: Sequence[Segment], scoring: Scoring) -> Tensor:
    """What `query` (H, T, D) finds in `key` (KV, T, D) and `value` (KV, T, E), as (T, H, E).

    Each of the KV heads serves H / KV heads of queries, one after another. Scores and weights are
    float32 at least, on the way back bfloat16 where that makes no difference (`shifted_scores`).
    """
    found: Tensor = _Attention.apply(query, key, value, tuple(parts), scoring)
    return found


class _Attention(torch.autograd.Function):
    """Vaswani et al. 2017, equation 1, and its derivative; soft-capping as in Gemma 2."""

    @staticmethod
    def forward(  # Any: torch's contexts and functions are untyped
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, parts: tuple[Segment, ...], scoring: Scoring
    ) -> Tensor:
        """See `attend`."""
        ctx.parts, ctx.scoring = parts, scoring
        groups, out = len(key), _made(query, parts, value.shape[2])
        is_shifted = any(ctx.needs_input_grad) and may_shift(query, scoring.cap)
        highest = torch.zeros(query.shape[:2]) if is_shifted else None
        with _products(query):
            for part in parts:
                keys, values = _seen(key, part, wide_dtype(key.dtype)), _seen(value, part, value.dtype)
                for block in _blocks(part, len(query) // groups, scoring.window):
                    queries = _grouped(query[:, block.rows], groups)
                    scores, _ = _scores(queries, keys[:, block.first : block.end], block, scoring)
                    if highest is not None:
                        torch.amax(_by_head(scores, query), -1, out=highest[:, block.rows])
                    weights = torch.softmax(scores, -1).to(value.dtype)
                    mixed = torch.bmm(weights, values[:, block.first : block.end])
                    out[block.rows] = _by_head(mixed, query).transpose(0, 1)
        ctx.save_for_backward(query, key, value, None if highest is None else shift_for(highest))
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Of `query`, `key` and `value`, from `grad` (T, H, E)."""
        query, key, value, shift = ctx.saved_tensors
        scoring, groups = ctx.scoring, len(key)
        of_query = _made(query, ctx.parts, query.shape[2])
        of_key, of_value = (
            torch.zeros(states.shape, dtype=wide_dtype(states.dtype)) for states in (key, value)
        )
        with _products(query):
            for part in ctx.parts:
                seen = _seen(key, part, key.dtype), _seen(value, part, value.dtype)
                for block in _blocks(part, len(query) // groups, scoring.window):
                    keys, values = (_gapless(states[:, block.first : block.end]) for states in seen)
                    queries = _gapless(_grouped(query[:, block.rows], groups))
                    asked = _gapless(_grouped(grad[block.rows].transpose(0, 1), groups))
                    start = None if shift is None else shift[:, block.rows].reshape(groups, -1, 1)
                    scores, bend = _scores(queries, keys, block, scoring, start)
                    weights = torch.softmax(scores, -1).to(value.dtype)
                    _add(of_value, part, block, torch.bmm(weights.transpose(1, 2), asked))
                    slope = torch.bmm(asked, values.transpose(1, 2))
                    slope = torch._softmax_backward_data(slope, weights, -1, weights.dtype)
                    if bend is not None:
                        slope = slope.mul_(bend)
                    found = torch.bmm(slope, keys).mul_(scoring.scale)
                    of_query[block.rows] = _by_head(found, query).transpose(0, 1)
                    _add(of_key, part, block, torch.bmm(slope.transpose(1, 2), queries))
        of_key = of_key.mul_(scoring.scale).to(key.dtype)
        return of_query.transpose(0, 1), of_key, of_value.to(value.dtype), None, None


def _made(query: Tensor, parts: Sequence[Segment], width: int) -> Tensor:
    """Room for something of every query, (T, H, width): zeros where some are not asked."""
    make = query.new_empty if all(part.asked is None for part in parts) else query.new_zeros
    return make((query.shape[1], query.shape[0], width))


def _products(query: Tensor) -> contextlib.AbstractContextManager[None]:
    """Products as the code says. Matrix units multiply float32 that holds bfloat16 as such, ten times as fast."""
    return wide_products(query.dtype if has_matrix_units() else torch.float32, query.device)


@dataclass(frozen=True)
class _Block:
    """The queries `rows` of the row, which see what their sequence sees from `first` on, up to `end` at most.

    The first of them is number `place` of what the sequence sees.
    """

    rows: slice
    place: int
    first: int
    end: int


def _blocks(part: Segment, group: int, window: int | None) -> Iterator[_Block]:
    """The blocks of a sequence whose keys each serve `group` heads of queries."""
    count = max(_FEWEST, _ROWS // group)
    for start, stop_at in ((0, part.length),) if part.asked is None else part.asked:
        for begin in range(start, stop_at, count):
            stop = min(begin + count, stop_at)
            place = part.shared + begin
            first = 0 if window is None else max(0, place - window + 1)
            end = first + full(part.shared + stop - first)
            yield _Block(slice(part.start + begin, part.start + stop), place, first, end)


def _seen(states: Tensor, part: Segment, dtype: torch.dtype) -> Tensor:
    """The keys or values (KV, S, D) that a sequence sees: the shared beginning, then its own, and zeros for none."""
    count = part.shared + part.length
    found = torch.empty(len(states), full(count), states.shape[2], dtype=dtype)
    found[:, : part.shared] = states[:, part.shared_start : part.shared_start + part.shared]
    found[:, part.shared : count] = states[:, part.start : part.start + part.length]
    found[:, count:] = 0
    return found


def _grouped(states: Tensor, groups: int) -> Tensor:
    """Queries' states (H, T, D) as (KV, H / KV * T, D)."""
    return states.reshape(groups, -1, states.shape[2])


def _gapless(states: Tensor) -> Tensor:
    """As products like it: of bfloat16 they write out what has gaps, and slowly what is transposed, too."""
    return states.contiguous() if states.dtype == torch.bfloat16 else states


def _by_head(grouped: Tensor, query: Tensor) -> Tensor:
    """What each head of `query` (H, T, D) has, (H, T, S), of (KV, H / KV * T, S)."""
    return grouped.view(len(query), -1, grouped.shape[2])


def _scores(
    queries: Tensor, keys: Tensor, block: _Block, scoring: Scoring, shift: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Scores (KV, H / KV * T, S) of a block, of bfloat16 with a `shift`, and the derivative of soft-capping."""
    if shift is not None:
        scores, bend = shifted_scores(queries, keys, shift, scoring.scale), None
    else:
        scores, bend = wide_scores(queries, keys.to(wide_dtype(keys.dtype)), scoring.scale, scoring.cap)
    count = block.rows.stop - block.rows.start
    hide(scores.view(-1, count, scores.shape[2]), block.place - block.first, scoring.window)
    return scores, bend


def _add(total: Tensor, part: Segment, block: _Block, found: Tensor) -> None:
    """Add what a block found (KV, S, D) to the row's (KV, T, D): some belongs to the shared beginning, some to nothing."""
    inside = max(0, part.shared - block.first)
    if inside:
        begin = part.shared_start + block.first
        total[:, begin : begin + inside] += found[:, :inside]
    own = max(0, block.first - part.shared)
    count = min(part.length - own, found.shape[1] - inside)
    total[:, part.start + own : part.start + own + count] += found[:, inside : inside + count]
