"""Queries, keys and values read the same states: computed in one step, their gradients come back as one sum.

The families' own attention asks for one after the other. The first that is asked computes all of them and keeps the
others' results until they are asked for with the very same tensor, at the longest until the attention is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from engine.models.lean_layers import children_of, parts_for
from engine.models.lean_lora import products


@dataclass(eq=False)
class Together:
    """The members of one attention by name, and what of theirs is ready for `states`."""

    attention: torch.nn.Module
    names: Sequence[str]
    apart: object | None = None  # a member that computes by itself
    is_open: bool = False
    states: Tensor | None = None
    version: int = -1
    ready: dict[object, Tensor] = field(default_factory=dict)
    handles: list[RemovableHandle] = field(default_factory=list)

    def watch(self) -> None:
        """Work while the attention runs, and keep nothing beyond it, whatever happens there."""
        self.handles = [
            self.attention.register_forward_pre_hook(self._open),
            self.attention.register_forward_hook(self._close, always_call=True),
        ]

    def leave(self) -> None:
        """Watch no longer."""
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def output(self, member: object, states: Tensor) -> Tensor | None:
        """A member's product with these states; None where it has to compute by itself."""
        if not self.is_open or member is self.apart or states.is_inference():  # which has no version
            return None
        is_same = self.states is states and self.version == states._version
        if not (is_same and member in self.ready):
            self._prepare(states)
        return self.ready.pop(member, None)

    def _prepare(self, states: Tensor) -> None:
        self._forget()
        members = [part for part in children_of(self.attention, self.names) if part is not self.apart]
        parts = parts_for(members, states)
        if parts is not None:
            self.ready = dict(zip(members, products(states, parts), strict=True))
            self.states, self.version = states, states._version

    def _open(self, module: torch.nn.Module, inputs: object) -> None:
        self._forget()
        self.is_open = True

    def _close(self, module: torch.nn.Module, inputs: object, output: object) -> None:
        self._forget()
        self.is_open = False

    def _forget(self) -> None:
        self.states = None
        self.ready.clear()
