"""Causal attention of the sequences of one row, each to itself and to the beginning that it shares, on the CPU.

torch's own attention there is slow on the way back. This one multiplies whole blocks of queries with the keys they may
look at, and no others, and forms the weights anew on the way back, so that nothing is kept but queries, keys and values.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from engine.models.tiles import wide_products

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

    Each of the KV heads serves H / KV heads of queries, one after another. Scores and weights are float32 at least.
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
        ctx.save_for_backward(query, key, value)
        ctx.parts, ctx.scoring = parts, scoring
        out = _made(query, parts, value.shape[2])
        with _products(query):
            for part in parts:
                keys, values = _seen(key, part, _wide(key)), _seen(value, part, value.dtype)
                for block in _blocks(part, len(query) // len(key), scoring.window):
                    weights, _ = _weights(query, keys, block, scoring)
                    mixed = torch.bmm(weights.to(value.dtype), values[:, block.first : block.end])
                    out[block.rows] = mixed.view(len(query), -1, value.shape[2]).transpose(0, 1)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Of `query`, `key` and `value`, from `grad` (T, H, E)."""
        query, key, value = ctx.saved_tensors
        scoring = ctx.scoring
        of_query = _made(query, ctx.parts, query.shape[2])
        of_key, of_value = (torch.zeros(states.shape, dtype=_wide(states)) for states in (key, value))
        with _products(query):
            for part in ctx.parts:
                narrow, values = _seen(key, part, key.dtype), _seen(value, part, value.dtype)
                keys = narrow.to(_wide(key))
                for block in _blocks(part, len(query) // len(key), scoring.window):
                    seen = slice(block.first, block.end)
                    weights, bend = _weights(query, keys, block, scoring)
                    weights = weights.to(value.dtype)
                    asked = _grouped(grad[block.rows].transpose(0, 1), len(key))
                    _add(of_value, part, block, torch.bmm(weights.transpose(1, 2), asked))
                    slope = torch.bmm(asked, values[:, seen].transpose(1, 2))
                    slope = torch._softmax_backward_data(slope, weights, -1, weights.dtype)
                    if bend is not None:
                        slope = slope.mul_(bend)
                    found = torch.bmm(slope, narrow[:, seen]).mul_(scoring.scale)
                    of_query[block.rows] = found.view(len(query), -1, query.shape[2]).transpose(0, 1)
                    queries = _grouped(query[:, block.rows], len(key))
                    _add(of_key, part, block, torch.bmm(slope.transpose(1, 2), queries))
        of_key = of_key.mul_(scoring.scale).to(key.dtype)
        return of_query.transpose(0, 1), of_key, of_value.to(value.dtype), None, None


def _made(query: Tensor, parts: Sequence[Segment], width: int) -> Tensor:
    """Room for something of every query, (T, H, width): zeros where some are not asked."""
    make = query.new_empty if all(part.asked is None for part in parts) else query.new_zeros
    return make((query.shape[1], query.shape[0], width))


def _products(query: Tensor) -> contextlib.AbstractContextManager[None]:
    """Products as the code says. Matrix units multiply float32 that holds bfloat16 as such, ten times as fast."""
    is_quick = getattr(torch.cpu, "_is_amx_tile_supported", bool)()
    return wide_products(query.dtype if is_quick else torch.float32, query.device)


@dataclass(frozen=True)
class _Block:
    """The queries `rows` of the row, which see what their sequence sees from `first` up to `end`.

    The first of them is number `place` of what the sequence sees.
    """

    rows: slice
    place: int
    first: int
    end: int


def _blocks(part: Segment, group: int, window: int | None) -> Iterator[_Block]:
    """The blocks of a sequence whose keys each serve `group` heads of queries."""
    count = max(_FEWEST, _ROWS // group)
    for start, end in ((0, part.length),) if part.asked is None else part.asked:
        for begin in range(start, end, count):
            stop = min(begin + count, end)
            place = part.shared + begin
            first = 0 if window is None else max(0, place - window + 1)
            yield _Block(slice(part.start + begin, part.start + stop), place, first, part.shared + stop)


def _wide(states: Tensor) -> torch.dtype:
    return torch.promote_types(states.dtype, torch.float32)


def _seen(states: Tensor, part: Segment, dtype: torch.dtype) -> Tensor:
    """The keys or values (KV, S, D) that a sequence sees: the shared beginning, then its own."""
    own = states[:, part.start : part.start + part.length]
    if part.shared:
        own = torch.cat((states[:, part.shared_start : part.shared_start + part.shared], own), dim=1)
    return own.to(dtype, memory_format=torch.contiguous_format)


def _grouped(states: Tensor, groups: int) -> Tensor:
    """Queries' states (H, T, D) as (KV, H / KV * T, D)."""
    return states.reshape(groups, -1, states.shape[2])


def _weights(query: Tensor, keys: Tensor, block: _Block, scoring: Scoring) -> tuple[Tensor, Tensor | None]:
    """Weights (KV, H / KV * T, S) of a block, and the derivative of soft-capping."""
    queries, seen = _grouped(query[:, block.rows].to(keys.dtype), len(keys)), keys[:, block.first : block.end]
    # Scaled on the way out: queries times the scale would no longer be bfloat16.
    nothing = queries.new_zeros(1, 1, 1)
    scores = torch.baddbmm(nothing, queries, seen.transpose(1, 2), beta=0, alpha=scoring.scale)
    bend = None
    if scoring.cap is not None:
        scores = scores.div_(scoring.cap).tanh_()
        bend = (1 - scores.square()).to(query.dtype)
        scores = scores.mul_(scoring.cap)
    _hide(scores.view(len(query), -1, scores.shape[2]), block, scoring.window)
    return torch.softmax(scores, -1), bend


def _hide(scores: Tensor, block: _Block, window: int | None) -> None:
    """Nothing of what comes later, or was longer ago than the window holds: scores (H, T, S) of -inf."""
    count, place = scores.shape[1], block.place - block.first
    scores[..., place:].add_(_later(_ROWS, scores.dtype)[:count, :count])  # several times faster than filling
    if window is not None and (touched := place + count - window) > 0:
        scores[..., :touched].add_(_before(count, touched, scores.dtype))


@lru_cache(maxsize=8)
def _later(count: int, dtype: torch.dtype) -> Tensor:
    """-inf where key j comes after query i, else 0."""
    return torch.full((count, count), -torch.inf, dtype=dtype).triu_(1)


@lru_cache(maxsize=32)
def _before(count: int, touched: int, dtype: torch.dtype) -> Tensor:
    """-inf where key j was too long ago for query i, else 0; the last query no longer sees any of the keys."""
    return torch.full((count, touched), -torch.inf, dtype=dtype).tril_(touched - count)


def _add(total: Tensor, part: Segment, block: _Block, found: Tensor) -> None:
    """Add what a block found (KV, S, D) to the row's (KV, T, D): some belongs to the shared beginning."""
    inside = max(0, part.shared - block.first)
    if inside:
        begin = part.shared_start + block.first
        total[:, begin : begin + inside] += found[:, :inside]
    begin = part.start + max(0, block.first - part.shared)
    total[:, begin : begin + found.shape[1] - inside] += found[:, inside:]
