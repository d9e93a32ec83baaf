"""Experts whose float32 weights compute in the narrow numbers that autocast asks for, as matrices of one layer do.

A grouped product is not among what torch's autocast knows, so transformers' experts compute in the numbers that their
weights are held in. Trained whole, those are 32 bits: twice the time and more. Here their weights are narrowed for the
pass; gradients reach the wide ones.
"""

from typing import Any

import torch
from torch import Tensor
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS, grouped_mm_experts_forward

from engine.models.mixtures import STACKS, is_mixture

_NAME = "grouped_mm_narrow"
_OWN = "grouped_mm"


def follow_autocast(model: Any) -> None:  # Any: a transformers model
    """Have a model's experts follow autocast; one that is dense, or computes its experts otherwise, is left alone."""
    if is_mixture(model) and model.config._experts_implementation == _OWN:
        model.set_experts_implementation(_NAME)


class _Narrowed:
    """A module of experts with other stacks; all else is its own."""

    def __init__(self, experts: Any, numbers: torch.dtype) -> None:
        self._experts = experts
        self._stacks = {name: getattr(experts, name).to(numbers) for name in STACKS}

    def __getattr__(self, name: str) -> Any:  # Any: as the module has it
        return self._stacks[name] if name in self._stacks else getattr(self._experts, name)


def _forward(experts: Any, hidden: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """Hidden states (N, D) through each token's experts (N, K), by their weights (N, K)."""
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        experts = _Narrowed(experts, torch.get_autocast_dtype(device))
    summed: Tensor = grouped_mm_experts_forward(experts, hidden, chosen, weights)
    return summed


ALL_EXPERTS_FUNCTIONS.register(_NAME, _forward)
