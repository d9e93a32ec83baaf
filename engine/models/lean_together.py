"""Queries, keys and values read the same states: computed in one step, their gradients come back as one sum.

The families' own attention asks for one after the other. The first that is asked computes all of them and keeps the
others' results until they are asked for with the very same tensor, at the longest until the attention is done.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from engine.models.lean_layers import parts_for
from engine.models.lean_lora import products


@dataclass(eq=False)
class Together:
    """Members of one attention, and what of theirs is ready for `states`."""

    members: list[Any]  # Any: PEFT's layers share no typed interface
    is_open: bool = False
    states: Tensor | None = None
    version: int = -1
    ready: dict[int, Tensor] = field(default_factory=dict)
    handles: list[RemovableHandle] = field(default_factory=list)

    def watch(self, attention: torch.nn.Module) -> None:
        """Work while the attention runs, and keep nothing beyond it, whatever happens there."""
        self.handles = [
            attention.register_forward_pre_hook(self._open),
            attention.register_forward_hook(self._close, always_call=True),
        ]

    def leave(self) -> None:
        """Watch no longer."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def output(self, member: Any, states: Tensor) -> Tensor | None:
        """A member's product with these states; None where it has to compute by itself."""
        if not self.is_open or states.is_inference():  # what is for inference alone has no version
            return None
        number = next(at for at, other in enumerate(self.members) if other is member)
        is_same = self.states is states and self.version == states._version
        if not (is_same and number in self.ready) and not self._prepare(states):
            return None
        return self.ready.pop(number)

    def _prepare(self, states: Tensor) -> bool:
        self._forget()
        parts = parts_for(self.members, states)
        if parts is None:
            return False
        self.ready = dict(enumerate(products(states, parts)))
        self.states, self.version = states, states._version
        return True

    def _open(self, module: torch.nn.Module, inputs: object) -> None:
        self._forget()
        self.is_open = True

    def _close(self, module: torch.nn.Module, inputs: object, output: object) -> None:
        self._forget()
        self.is_open = False

    def _forget(self) -> None:
        self.states = None
        self.ready.clear()
