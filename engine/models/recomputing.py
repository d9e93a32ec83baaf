"""Layers whose values are computed again on the way back instead of kept (Chen et al. 2016, "sublinear memory")."""

from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from engine.models.targets import decoder_layers
from engine.models.wanted import as_now


def recompute_layers(model: Any, count: int) -> int:  # Any: a transformers model or a PeftModel
    """Have the first `count` layers computed again on the way back, and no others; how many really are.

    Layers are equal: one more or less is as much memory wherever it stands. Chance (dropout) is the same both times.
    A layer that transformers cannot compute again keeps its values.
    """
    able = [layer for layer in decoder_layers(model) if isinstance(layer, GradientCheckpointingLayer)]
    for number, layer in enumerate(able):
        layer.gradient_checkpointing = number < count
        # The new way of torch: inputs need no gradient of their own, as behind frozen word vectors.
        again = partial(checkpoint, use_reentrant=False, context_fn=as_now)
        layer._gradient_checkpointing_func = again  # type: ignore[assignment]
    return min(count, len(able))
