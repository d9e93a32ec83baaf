"""Several sequences one after another in one row of tokens, each attending to itself alone.

transformers hands a mask of four dimensions to every layer's attention as it is. Ours holds no mask but where each
sequence stands, and the attention registered here looks at each by itself, with the mask it would have alone: full or
sliding window, soft-capping and all. Sequences that begin alike may have that beginning once: the first has it, and
the others look there. No mask over all pairs of tokens is made, and an attention that does not know of this refuses
whole numbers instead of letting sequences see each other.
"""

import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from engine.models.attention import Scoring, Segment, attend
from engine.models.prompts import has_prompt
from engine.models.varlen import States, attend_varlen, varlen
from engine.models.wanted import wanted_now

_NAME = "segmented_"
_OWN = ("sdpa", "eager")  # what a model may have attended with before
_LAYERS = {"full_attention", "sliding_attention"}
_OURS = {torch.float32, torch.float64, torch.bfloat16}
_KNOWN = {
    *("scaling", "dropout", "sliding_window", "softcap", "is_causal"),
    *(
        "position_ids",
        "use_cache",
        "output_router_logits",
        "output_hidden_states",
    ),  # nothing that attention needs
}
_GAP = 64  # tokens between two that are asked, up to which all are: a block of queries is not smaller
_Attention = Callable[..., tuple[Tensor, Tensor | None]]


def take_segments(model: Any) -> bool:  # Any: PeftModel or a transformers model
    """Have the model take sequences one after another, batches with padding as before; False when it cannot.

    It cannot with learned positions before the text, with layers that hand on more than attention does (recurrent
    ones), with a loss of its own that counts a mask's tokens, or with an attention that is not transformers'
    exchangeable one.
    """
    inner = _inner(model)
    own = inner.config._attn_implementation
    if own.startswith(_NAME):
        return True
    layers = set(getattr(inner.config, "layer_types", None) or ())
    if has_prompt(model) or _is_counted(model) or not layers <= _LAYERS:
        return False
    if not inner._supports_attention_backend or own not in _OWN:
        return False
    inner.set_attn_implementation(_NAME + own)
    return True


def can_share(model: Any) -> bool:  # Any: see take_segments
    """Whether sequences of a row may have their common beginning once: where the model takes them at all, now."""
    return bool(_inner(model).config._attn_implementation.startswith(_NAME)) and not _is_counted(model)


def leave_segments(model: Any) -> None:  # Any: see take_segments
    """The model's own attention again."""
    inner = _inner(model)
    inner.set_attn_implementation(inner.config._attn_implementation.removeprefix(_NAME))


def segment_mask(lengths: Sequence[int], shared: Sequence[tuple[int, int]] | None = None) -> Tensor:
    """What stands for the attention mask of a row of S sequences, as (1, 1, S, 3) in CPU memory.

    Each has its length, and the start and length of the beginning that stands elsewhere in the row (`shared`).
    """
    rows = [
        (length, *place) for length, place in zip(lengths, shared or [(0, 0)] * len(lengths), strict=True)
    ]
    return torch.tensor(rows, dtype=torch.int32).reshape(1, 1, -1, 3)


def _is_counted(model: Any) -> bool:  # Any: see take_segments
    """Whether a router's balance is computed, over the tokens of a padded batch's mask."""
    return bool(getattr(_inner(model).config.get_text_config(), "output_router_logits", False))


def _inner(model: Any) -> Any:
    return model.get_base_model() if isinstance(model, PeftModel) else model


def _attend(
    own: str,
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # Any: scaling, dropout, window, soft-capping ... whatever the family has
) -> tuple[Tensor, Tensor | None]:
    """Attention over `query` (B, H, T, D), as (B, T, H, D); with segments in place of a mask over each by itself."""
    plain = _plain(own, module)
    if attention_mask is None or attention_mask.dtype != torch.int32:
        return plain(module, query, key, value, attention_mask, **options)
    segments = _segments(attention_mask)
    if _is_plain(module, options):
        scale = query.shape[3] ** -0.5 if options.get("scaling") is None else options["scaling"]
        scoring = Scoring(scale, options.get("sliding_window"), options.get("softcap"))
        states = _narrowed((query, key, value))
        if _is_ours(states):
            found = attend(states[0][0], states[1][0], states[2][0], _asked(segments, module), scoring)
            return found.unsqueeze(0), None
        if (function := varlen(states, scoring)) is not None:
            return attend_varlen(function, states, segments, scoring), None
    return _one_by_one(own, module, (query, key, value), segments, options), None


def _segments(mask: Tensor) -> tuple[Segment, ...]:
    rows = mask[0, 0].tolist()
    starts = accumulate((length for length, _, _ in rows), initial=0)
    return tuple(Segment(start, *row) for start, row in zip(starts, rows, strict=False))


def _asked(segments: tuple[Segment, ...], module: torch.nn.Module) -> tuple[Segment, ...]:
    """The sequences of a row with the queries that are asked for in this attention now."""
    wanted = wanted_now()
    if wanted is None or wanted.attention is not module:
        return segments
    rows, found = wanted.rows.tolist(), []
    for segment in segments:
        ends = (segment.start, segment.start + segment.length)
        own = [row - segment.start for row in rows[slice(*(bisect_left(rows, end) for end in ends))]]
        found.append(replace(segment, asked=_runs(own)))
    return tuple(found)


def _runs(places: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """From one of these ascending places up to behind another, wherever no gap is wide."""
    breaks = [at for at in range(1, len(places)) if places[at] - places[at - 1] > _GAP]
    bounds = [0, *breaks, len(places)] if places else []
    return tuple((places[first], places[last - 1] + 1) for first, last in pairwise(bounds))


def _is_plain(module: torch.nn.Module, options: dict[str, Any]) -> bool:  # Any: see _attend
    """Whether nothing is asked for but causal attention, in a window or not, with scores held down or not."""
    unknown = {name for name, value in options.items() if value is not None and value is not False}
    return (
        unknown <= _KNOWN
        and not options.get("dropout")
        and getattr(module, "is_causal", True)
        and options.get("is_causal") is not False
    )


def _narrowed(states: States) -> States:
    """As autocast would have them for an attention."""
    kind = states[0].device.type
    if not torch.is_autocast_enabled(kind):
        return states
    query, key, value = (each.to(torch.get_autocast_dtype(kind)) for each in states)
    return query, key, value


def _is_ours(states: States) -> bool:
    """Whether our own attention takes them, which on a processor was faster for whatever was measured."""
    first = states[0].dtype
    return states[0].device.type == "cpu" and first in _OURS and all(each.dtype == first for each in states)


def _one_by_one(
    own: str,
    module: torch.nn.Module,
    states: States,
    segments: Sequence[Segment],
    options: dict[str, Any],  # Any: see _attend
) -> Tensor:
    """Each sequence by itself through the model's own attention, as (1, T, H, D)."""
    plain, found = _plain(own, module), []
    for segment in segments:
        query, key, value = (each[:, :, segment.start : segment.start + segment.length] for each in states)
        if segment.shared:
            before = slice(segment.shared_start, segment.shared_start + segment.shared)
            key, value = (
                torch.cat((each[:, :, before], its), dim=2)
                for each, its in zip(states[1:], (key, value), strict=True)
            )
        mask = _mask_alone(own, query, segment.shared, options.get("sliding_window"))
        found.append(plain(module, query, key, value, mask, **options)[0])
    return torch.cat(found, dim=1)


def _plain(own: str, module: torch.nn.Module) -> _Attention:
    """The attention that the module would use; the eager one stands beside each family's modules."""
    if own == "eager":
        family: _Attention = sys.modules[type(module).__module__].eager_attention_forward
        return family
    found: _Attention = ALL_ATTENTION_FUNCTIONS[own]
    return found


def _mask_alone(own: str, query: Tensor, shared: int, window: int | None) -> Tensor | None:
    """The mask of one sequence's T queries (1, H, T, D) behind `shared` tokens, as (1, 1, T, shared + T).

    None where the attention is causal by itself.
    """
    length = shared + query.shape[2]
    if own == "sdpa" and not shared and (window is None or length <= window):
        return None
    numbers = torch.bool if own == "sdpa" else query.dtype
    # The corner of a larger one: layers and sequences share it, as what is kept for the way back would add up.
    large = _large_mask(max(256, 1 << (length - 1).bit_length()), window, numbers, query.device)
    return large[..., shared:length, :length]


@lru_cache(maxsize=8)
def _large_mask(length: int, window: int | None, numbers: torch.dtype, device: torch.device) -> Tensor:
    """True where a token may look, as bool, else what is added to its scores."""
    allowed = torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril()
    if window is not None:
        allowed = allowed.triu(1 - window)
    if numbers == torch.bool:
        return allowed
    nothing = torch.zeros(allowed.shape, dtype=numbers, device=device)
    return nothing.masked_fill(~allowed, torch.finfo(numbers).min)


for _own in _OWN:
    ALL_ATTENTION_FUNCTIONS.register(_NAME + _own, partial(_attend, _own))
    ALL_MASK_ATTENTION_FUNCTIONS.register(_NAME + _own, ALL_MASK_ATTENTION_FUNCTIONS[_own])
