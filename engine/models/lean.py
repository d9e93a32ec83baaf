"""Lean ways through a model that has its PEFT adapter: the same numbers in less time and memory.

Each covered module gets a forward of our own, on the instance alone. Modules, names, parameters and what is saved stay
PEFT's and transformers'; whatever a lean way does not know at the moment of a call (an adapter switched off or built
in, dropout, other numbers) goes the module's own way.
"""

from types import MethodType
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from engine.models.lean_lora import Part, products

_NAME = "default"


def take_lean(model: torch.nn.Module) -> bool:
    """Have the layers that this knows compute in our own way; False when there is none.

    Known are PEFT's low-rank layers beside frozen whole matrices.
    """
    leave_lean(model)
    if not isinstance(model, PeftModel):
        return False
    found = [part for part in model.modules() if is_low_rank(part)]
    for part in found:
        part.forward = MethodType(_alone, part)
    return bool(found)


def leave_lean(model: torch.nn.Module) -> None:
    """Every layer computes as PEFT and transformers have it again."""
    for part in model.modules():
        if _is_ours(part):
            del part.forward


def is_low_rank(module: Any) -> bool:
    """Whether a module is PEFT's LoRA beside a whole frozen matrix, and nothing more than that."""
    return (
        type(module) is LoraLinear
        and is_frozen_linear(module.base_layer)
        and set(module.lora_A) == {_NAME}
        and not module.lora_variant  # DoRA and its like
        and not module.lora_bias[_NAME]
    )


def is_frozen_linear(module: Any) -> bool:
    """Whether a module is a plain matrix product whose weights do not learn; compressed ones are not."""
    is_plain = type(module) in (torch.nn.Linear, Conv1D) and "forward" not in vars(module)
    return is_plain and not any(weight.requires_grad for weight in module.parameters())


def part_of_product(module: Any, states: Tensor) -> Part | None:
    """The tensors of the layer as they are now; None where it has to go its own way for these states."""
    if torch.is_autocast_enabled(states.device.type):
        return None
    if type(module) is not LoraLinear:
        return _plain(module, states)
    if module.disable_adapters or module.merged or module.active_adapters != [_NAME]:
        return None
    dropout: Any = module.lora_dropout[_NAME]
    base = _plain(module.base_layer, states)
    if base is None or (dropout.training and getattr(dropout, "p", 0.0) > 0):
        return None
    a: Any = module.lora_A[_NAME].weight
    b: Any = module.lora_B[_NAME].weight
    return Part(base.weight, base.bias, a, b, module.scaling[_NAME])


def _plain(module: Any, states: Tensor) -> Part | None:
    weight: Tensor = module.weight
    is_watched = module._forward_hooks or module._forward_pre_hooks
    if is_watched or weight.requires_grad or weight.dtype != states.dtype:
        return None
    return Part(weight.t() if isinstance(module, Conv1D) else weight, module.bias, None, None, 1.0)


def _alone(self: Any, x: Tensor, *args: Any, **options: Any) -> Tensor:
    part = None if args or options else part_of_product(self, x)
    if part is None:
        own: Tensor = type(self).forward(self, x, *args, **options)
        return own
    return products(x, [part])[0]


def _is_ours(module: torch.nn.Module) -> bool:
    return getattr(vars(module).get("forward"), "__module__", None) == __name__
