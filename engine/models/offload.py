"""Values kept for the way back in the computer's own memory instead of the graphics card's."""

from typing import Any

import torch
from torch import Tensor

from engine.models.targets import decoder_layers

_SMALLEST = 1 << 20  # bytes: smaller ones gain too little for a copy each


def offload_layers(model: Any, device: str = "cuda") -> None:  # Any: a transformers model or a PeftModel
    """From now on, what the model's layers keep on `device` for the way back goes to main memory meanwhile.

    Weights stay, and so does what is small. The numbers are the same.
    """
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    for layer in decoder_layers(model):
        outside = _Outside(weights, device)
        layer.register_forward_pre_hook(outside.begin)
        layer.register_forward_hook(outside.end, always_call=True)


class _Outside:
    """One layer's way forward: from `begin` to `end`, what autograd keeps is copied to main memory."""

    def __init__(self, weights: set[int], device: str) -> None:
        self._weights, self._device = weights, device
        self._hooks: torch.autograd.graph.saved_tensors_hooks | None = None
        # What several operations keep is copied once. The value itself is held on to until the layer ends, so that
        # no other can take its place in memory and be taken for it.
        self._copies: dict[tuple[object, ...], tuple[Tensor, Tensor]] = {}

    def begin(self, layer: torch.nn.Module, inputs: object) -> None:
        if torch.is_grad_enabled():
            self._hooks = torch.autograd.graph.saved_tensors_hooks(self._put_away, _bring_back)
            self._hooks.__enter__()

    def end(self, layer: torch.nn.Module, inputs: object, output: object) -> None:
        if self._hooks is not None:
            self._hooks.__exit__()
            self._hooks = None
            self._copies.clear()

    def _put_away(self, value: Tensor) -> tuple[torch.device, Tensor]:
        is_large = value.numel() * value.element_size() >= _SMALLEST
        if value.device.type != self._device or not is_large or self._is_weight(value):
            return value.device, value
        key = value.data_ptr(), value.shape, value.stride(), value.dtype, value._version
        if key not in self._copies:
            copy = torch.empty(value.shape, dtype=value.dtype, pin_memory=self._device == "cuda")
            self._copies[key] = value, copy.copy_(value, non_blocking=True)
        return value.device, self._copies[key][1]

    def _is_weight(self, value: Tensor) -> bool:
        return value.untyped_storage().data_ptr() in self._weights


def _bring_back(kept: tuple[torch.device, Tensor]) -> Tensor:
    device, value = kept
    return value.to(device, non_blocking=True)
