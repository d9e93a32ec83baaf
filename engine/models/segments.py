"""Several sequences one after another in one row of tokens, each attending to itself alone.

transformers hands a mask of four dimensions to every layer's attention as it is. Ours holds no mask but the lengths
of the sequences, and the attention registered here gives each sequence by itself to the model's own attention, with
the mask it would have alone: full or sliding window, soft-capping and all. No mask over all pairs of tokens is made,
and an attention that does not know of this refuses whole numbers instead of letting sequences see each other.
"""

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from engine.models.prompts import has_prompt

_NAME = "segmented_"
_OWN = ("sdpa", "eager")  # what a model may have attended with before
_LAYERS = {"full_attention", "sliding_attention"}
_Attention = Callable[..., tuple[Tensor, Tensor | None]]


def take_segments(model: Any) -> bool:  # Any: PeftModel or a transformers model
    """Have the model take sequences one after another, batches with padding as before; False when it cannot.

    It cannot with learned positions before the text, with layers that hand on more than attention does (recurrent
    ones), or with an attention that is not transformers' exchangeable one.
    """
    inner = _inner(model)
    own = inner.config._attn_implementation
    if own.startswith(_NAME):
        return True
    layers = set(getattr(inner.config, "layer_types", None) or ())
    if has_prompt(model) or not inner._supports_attention_backend or own not in _OWN or not layers <= _LAYERS:
        return False
    inner.set_attn_implementation(_NAME + own)
    return True


def leave_segments(model: Any) -> None:  # Any: see take_segments
    """The model's own attention again."""
    inner = _inner(model)
    inner.set_attn_implementation(inner.config._attn_implementation.removeprefix(_NAME))


def segment_mask(lengths: Sequence[int]) -> Tensor:
    """What stands for the attention mask of a row of sequences: their S lengths, as (1, 1, 1, S) in CPU memory."""
    return torch.tensor(lengths, dtype=torch.int32).reshape(1, 1, 1, -1)


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
    """Attention over `query` (B, H, T, D), as (B, T, H, D); with lengths in place of a mask over each by itself."""
    plain = _plain(own, module)
    if attention_mask is None or attention_mask.dtype != torch.int32:
        return plain(module, query, key, value, attention_mask, **options)
    lengths = attention_mask.flatten().tolist()
    window = options.get("sliding_window")
    parts = zip(*(states.split(lengths, dim=2) for states in (query, key, value)), strict=True)
    found = [
        plain(module, *part, _mask_alone(own, part[0], window), **options)[0]  # (1, length, H, D)
        for part in parts
    ]
    return torch.cat(found, dim=1), None


def _plain(own: str, module: torch.nn.Module) -> _Attention:
    """The attention that the module would use; the eager one stands beside each family's modules."""
    if own == "eager":
        family: _Attention = sys.modules[type(module).__module__].eager_attention_forward
        return family
    found: _Attention = ALL_ATTENTION_FUNCTIONS[own]
    return found


def _mask_alone(own: str, query: Tensor, window: int | None) -> Tensor | None:
    """The mask of one sequence: None where the attention is causal by itself, else (1, 1, length, length)."""
    length = query.shape[2]
    if own == "sdpa" and (window is None or length <= window):
        return None
    numbers = torch.bool if own == "sdpa" else query.dtype
    # The corner of a larger one: layers and sequences share it, as what is kept for the way back would add up.
    return _large_mask(max(256, 1 << (length - 1).bit_length()), window, numbers, query.device)[
        ..., :length, :length
    ]


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
