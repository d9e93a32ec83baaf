"""An adapter built into its base, layer by layer: float32 arithmetic, rounded once, the base left as it was."""

import copy
import math
import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.trainable_tokens import TrainableTokensLayer
from peft.tuners.tuners_utils import BaseTunerLayer

from engine.job.errors import ModelError
from engine.models.embeddings import build_in_words
from engine.models.lean import leave_lean
from engine.models.lean_last import leave_last
from engine.models.own_adapter import own_adapter


@dataclass(frozen=True)
class Merged:
    """A model with its adapter built in.

    `layers`: how many the adapter touches; `layers_changed`: those that still differ from the base after rounding.
    `rounding`: norm of what rounding moved, over the norm of the adapter's whole change (0 is exact).
    """

    model: Any  # Any: transformers' models share no typed interface
    layers: int
    layers_changed: int
    rounding: float


def shared_copy(model: Any) -> Any:  # Any: see Merged
    """A second model whose tensors are the first one's: an adapter can be put on it without touching that."""
    tensors = chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def can_be_built_in(model: Any) -> bool:  # Any: PeftModel or a transformers model
    """Whether what was learned can be a part of the weights: prompts, bottlenecks and experts cannot."""
    own = own_adapter(model)
    if own is not None:
        return own.kind == "freeze"
    return any(_is_layer(part) for part in model.modules())


def built_in(model: Any, dtype: torch.dtype) -> Merged:  # Any: PeftModel or a transformers model
    """Merge into new tensors of `dtype`; `model` is used up, tensors that it shares with others stay as they are.

    Raises ModelError for an adapter that cannot be a part of the weights.
    """
    leave_last(model)
    leave_lean(model)
    own = own_adapter(model)
    if own is not None and own.kind == "freeze":
        # Weights that were trained themselves need no merging, only rounding, which leaves their change almost whole.
        count = int(own.settings["trained_layers"])
        cast_parameters(model, dtype)
        return Merged(model, count, count, 0.0)
    if own is not None and own.kind == "lora-experts":
        title = "Experts cannot be built into the model they stand on: each token goes through others."
        raise ModelError(title, "Export the run as one complete model, and begin from that.")
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    layers = [(name, part) for name, part in base.named_modules() if _is_layer(part)]
    if not layers:
        raise ModelError("This adapter cannot be built into the model.", "Export it as adapter.")
    _refuse_tied(base, layers)
    is_tied = base.config.tie_word_embeddings
    words = build_in_words(model, dtype)
    sums = [_merge_layer(layer, dtype) for _, layer in layers] + [numbers for _, *numbers in words]
    names = [_layer_of(name) for name, *_ in (*layers, *words)]
    changed = {name for name, (is_changed, _, _) in zip(names, sums, strict=True) if is_changed}
    tuner: Any = model.base_model
    merged = tuner.unload()
    merged.config.tie_word_embeddings = is_tied
    cast_parameters(merged, dtype)
    moved, change = (math.sqrt(math.fsum(column)) for column in zip(*(s[1:] for s in sums), strict=True))
    return Merged(merged, len(set(names)), len(changed), moved / change if change else 0.0)


def cast_parameters(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Hold every parameter in `dtype`, by new tensors. Buffers such as rotary frequencies keep their precision."""
    done: dict[int, torch.nn.Parameter] = {}  # a tied matrix stands in two places and must stay one
    for part in model.modules():
        for name, weight in part.named_parameters(recurse=False):
            if weight.is_floating_point() and weight.dtype != dtype:
                key = id(weight)
                done.setdefault(key, torch.nn.Parameter(weight.detach().to(dtype), requires_grad=False))
                setattr(part, name, done[key])


def _is_layer(part: object) -> bool:
    """Whether an adapter's matrices stand in a module; rows of new tokens are for `build_in_words`."""
    return isinstance(part, BaseTunerLayer) and not isinstance(part, TrainableTokensLayer)


def _refuse_tied(base: Any, layers: list[tuple[str, BaseTunerLayer]]) -> None:
    """A change to one of two tied matrices would reach the other as well, or be lost when it is saved."""
    ends = (base.get_input_embeddings(), base.get_output_embeddings())
    tied = [name for name, layer in layers if layer in ends] if base.config.tie_word_embeddings else []
    if tied:
        title = f"This adapter changes '{tied[0]}', which this model uses for reading and writing alike."
        raise ModelError(title, "Export only what was learned.")


def _layer_of(name: str) -> str:
    """The block that a matrix belongs to: "model.layers.3" of "model.layers.3.mlp.up_proj"; else itself."""
    found = re.match(r".*?\.\d+(?=\.)", name)
    return found[0] if found else name


def _merge_layer(layer: Any, dtype: torch.dtype) -> tuple[bool, float, float]:
    """Whether the rounded weight changed, and the squares of what rounding moved and of the whole change."""
    inner = layer.get_base_layer()
    own = getattr(layer, "parameter_name", None)  # of stacked experts one adapter changes one parameter alone
    before = {
        name: weight.detach()
        for name, weight in inner.named_parameters(recurse=False)
        if own is None or name == own
    }
    for name, weight in before.items():
        setattr(inner, name, torch.nn.Parameter(weight.float().clone(), requires_grad=False))
    layer.merge()
    inner = layer.get_base_layer()  # layer norms are exchanged, not added to
    changed, moved, change = False, 0.0, 0.0
    for name, old in before.items():
        exact = getattr(inner, name).detach().float()
        rounded = exact.to(dtype)
        setattr(inner, name, torch.nn.Parameter(rounded, requires_grad=False))
        changed = changed or not torch.equal(rounded, old.to(dtype))
        moved += float((rounded.float() - exact).square().sum())
        change += float((exact - old.float()).square().sum())
    return changed, moved, change
