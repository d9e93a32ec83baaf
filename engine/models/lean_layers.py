"""Which matrices of a model lean ways know, and their tensors at the moment of a call."""

from collections.abc import Sequence
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from engine.models.lean_lora import Part

_NAME = "default"
_MATRICES = (torch.nn.Linear, Conv1D)


def is_low_rank(module: Any) -> bool:
    """Whether a module is PEFT's LoRA beside a whole frozen matrix, and nothing more than that."""
    return (
        type(module) is LoraLinear
        and is_frozen_matrix(module.base_layer)
        and set(module.lora_A) == {_NAME}
        and not module.lora_variant  # DoRA and its like
        and not module.lora_bias[_NAME]
    )


def is_frozen_matrix(module: Any) -> bool:
    """Whether a module is a plain matrix product whose weights do not learn; compressed ones are not."""
    is_plain = type(module) in _MATRICES and "forward" not in vars(module)
    return is_plain and not any(weight.requires_grad for weight in module.parameters())


def children_of(module: torch.nn.Module, names: Sequence[str]) -> list[Any]:
    """The module's own parts of these names, in this order, as they are now."""
    children = dict(module.named_children())
    return [children[name] for name in names if name in children]


def parts_for(modules: Sequence[Any], states: Tensor) -> list[Part] | None:
    """The tensors of layers as they are now; None where one of them has to go its own way for these states.

    That is where an adapter is off or built in, drops numbers, or where other numbers than the model's come in.
    """
    if torch.is_autocast_enabled(states.device.type):
        return None
    found = []
    for module in modules:
        part = _low_rank(module, states) if type(module) is LoraLinear else _plain(module, states)
        if part is None:
            return None
        found.append(part)
    return found


def is_watched(module: Any) -> bool:
    """Whether someone wants to see what goes in or comes out of the module by itself."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _low_rank(module: Any, states: Tensor) -> Part | None:
    if module.disable_adapters or module.merged or module.active_adapters != [_NAME]:
        return None
    dropout: Any = module.lora_dropout[_NAME]
    base = None if is_watched(module.base_layer) else _plain(module.base_layer, states)
    if base is None or (dropout.training and getattr(dropout, "p", 0.0) > 0):
        return None
    a: Any = module.lora_A[_NAME].weight
    b: Any = module.lora_B[_NAME].weight
    return Part(base.weight, base.bias, a, b, module.scaling[_NAME])


def _plain(module: Any, states: Tensor) -> Part | None:
    if type(module) not in _MATRICES:  # something else took its place since
        return None
    weight: Tensor = module.weight
    if weight.requires_grad or weight.dtype != states.dtype:
        return None
    return Part(weight.t() if isinstance(module, Conv1D) else weight, module.bias, None, None, 1.0)
