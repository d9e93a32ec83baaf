"""Many sequences through one call of a GPU's own attention, where torch has one that is told where each ends."""

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from engine.models.attention import Scoring, Segment
from engine.models.sending import sent

_NEEDED = {"cu_seq_q", "cu_seq_k", "max_q", "max_k", "scale", "window_size"}
_WIDEST = 256  # numbers of a head that flash attention takes, in eights
Varlen = Callable[..., Any]  # Any: torch's may give more than what it found
States = tuple[Tensor, Tensor, Tensor]


def varlen(states: States, scoring: Scoring) -> Varlen | None:
    """The function of torch's that takes these queries (1, H, T, D), keys and values; None where it cannot."""
    query, key, value = states
    if query.device.type != "cuda" or query.dtype not in (torch.bfloat16, torch.float16):
        return None
    width = query.shape[3]
    is_alike = key.dtype == value.dtype == query.dtype and value.shape[3] == width
    if scoring.cap is not None or not is_alike or width % 8 or width > _WIDEST:
        return None
    return _found()


def attend_varlen(function: Varlen, states: States, segments: Sequence[Segment], scoring: Scoring) -> Tensor:
    """What queries (1, H, T, D) find in keys and values (1, KV, T, D), as (1, T, H, D).

    Queries stand at the end of what their sequence sees, which is how flash attention reads lengths that differ.
    """
    ends, ends_seen, seen, longest, most_seen = _places(tuple(segments), states[0].device)
    queries, keys, values = (each[0].transpose(0, 1) for each in states)
    if seen is not None:
        keys, values = keys.index_select(0, seen), values.index_select(0, seen)
    options = {"scale": scoring.scale, "window_size": (-1, 0)}
    if scoring.window is not None:
        options["window_size"] = (scoring.window - 1, 0)  # how many before a token it sees, without itself
    if queries.shape[1] != keys.shape[1]:
        if "enable_gqa" in inspect.signature(function).parameters:
            options["enable_gqa"] = True
        else:
            times = queries.shape[1] // keys.shape[1]
            keys, values = (each.repeat_interleave(times, dim=1) for each in (keys, values))
    found: Tensor = function(queries, keys, values, ends, ends_seen, longest, most_seen, **options)
    return found.unsqueeze(0)


@lru_cache(maxsize=1)
def _found() -> Varlen | None:
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    function: Varlen = varlen_attn
    return function if inspect.signature(function).parameters.keys() >= _NEEDED else None


@lru_cache(maxsize=8)
def _places(
    segments: tuple[Segment, ...], device: torch.device
) -> tuple[Tensor, Tensor, Tensor | None, int, int]:
    """Where S sequences' queries, and what they see, end (S + 1,); which tokens are seen, None for each once.

    And the most queries of a sequence, and the most tokens that one sees. All layers of a batch have the same.
    """
    own = [segment.length for segment in segments]
    seen = [segment.shared + segment.length for segment in segments]
    place = str(device)
    ends, ends_seen = (
        sent(torch.tensor([0, *accumulate(lengths)], dtype=torch.int32), place) for lengths in (own, seen)
    )
    if own == seen:
        return ends, ends, None, max(own), max(own)
    places = [
        torch.arange(start, start + length)
        for segment in segments
        for start, length in ((segment.shared_start, segment.shared), (segment.start, segment.length))
    ]
    return ends, ends_seen, sent(torch.cat(places), place), max(own), max(seen)
