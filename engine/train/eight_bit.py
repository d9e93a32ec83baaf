"""AdamW that remembers in 8 bits (Dettmers et al. 2022, "8-bit optimizers via block-wise quantization"), by bitsandbytes."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from engine.job.errors import JobError
from engine.library.compression import optimizer_problem_on

STEP = "step"
_LEVELS = {"qmap1": "dynamic", "qmap2": "udynamic"}  # what 256 levels stand for: the same for all weights


def adamw_8bit(
    groups: list[dict[str, Any]], device: str, **options: Any
) -> Any:  # Any: bitsandbytes is untyped
    """The optimizer over groups of parameters, with torch's names of options; small weights are remembered in 32 bits.

    Raises JobError where it cannot be had.
    """
    reason = optimizer_problem_on(device)
    if reason:
        raise JobError(reason, "Install bitsandbytes, or set 'train.optimizer' to 'adamw'.")
    from bitsandbytes.optim import AdamW8bit

    return AdamW8bit(groups, **options)


def is_8bit(keys: Iterable[str]) -> bool:
    """Whether what a checkpoint holds of an optimizer, by its keys "kind/NAME", is this one's."""
    return any(key.startswith("state1/") for key in keys)


def plain_state(state: dict[str, Any]) -> dict[str, Tensor]:
    """A weight's state as tensors of its own, without what is the same for all weights."""
    return {kind: torch.as_tensor(value) for kind, value in state.items() if kind not in _LEVELS}


def complete_state(adamw: Any, state: dict[str, Any]) -> None:  # Any: see adamw_8bit
    """What `plain_state` gave, made whole again in its place."""
    state[STEP] = int(state[STEP])
    if state["state1"].dtype == torch.uint8:
        for kind, name in _LEVELS.items():
            state[kind] = adamw.name2qmap[name].to(state["state1"].device)
