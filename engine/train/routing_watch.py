"""How a run's tokens are shared among the experts: counted at every update, told a few hundred times."""

import math
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.job.channel import Desk
from engine.job.events import Remark
from engine.job.expert_events import Routing
from engine.methods.balance import Choices

_TOLD = 400  # times a run at most, so that many layers of many experts do not fill the disk
_WINDOW = 50  # updates in which a dead expert must have been without tokens
_DEAD = 0.01  # of a layer's choices


class RoutingWatch:
    """Counts of one run. After a resume the figures begin anew; what was told stays."""

    def __init__(self, desk: Desk, updates: int, uniform: float) -> None:
        self._desk, self._updates, self._uniform = desk, updates, uniform
        self._every = max(1, math.ceil(updates / _TOLD))
        self._recent: deque[Tensor] = deque(maxlen=_WINDOW)
        self._untold: list[_Update] = []
        self._now = _Update()
        self._is_warned = False

    def begin(self) -> None:
        """An update begins, or begins again."""
        self._now = _Update()

    def add(self, layers: Sequence[Choices], balance: float) -> None:
        """What the layers' routers chose for a part of the update, and the mean of their balance losses."""
        self._now.parts.append((list(layers), balance))

    def corrected(self, step: int) -> None:
        """The update is done; it is told where it is time to."""
        if not self._now.parts:
            return
        self._recent.append(self._now.counts())
        self._untold.append(self._now)
        self._now = _Update()
        if step % self._every == 0 or step in (1, self._updates):
            event = self._event(step)
            self._desk.tell(event)
            self._untold = []
            self._warn(event)

    def _event(self, step: int) -> Routing:
        parts = [part for update in self._untold for part in update.parts]
        counts = torch.stack([update.counts() for update in self._untold]).sum(0)
        shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
        layers, experts = shares.shape
        tokens = max(1, sum(choices[0].tokens for choices, _ in parts))
        entropy = -torch.special.xlogy(shares, shares).sum(dim=1).mean() / math.log(experts)
        return Routing(
            step=step,
            shares=tuple(tuple(round(share, 4) for share in layer) for layer in shares.tolist()),
            load_entropy=float(entropy),
            max_load=float(shares.max() * experts),
            router_entropy=sum(float(c.entropy) for choices, _ in parts for c in choices) / (tokens * layers),
            top_probability=sum(float(c.top) for choices, _ in parts for c in choices) / (tokens * layers),
            balance=sum(balance * choices[0].tokens for choices, balance in parts) / tokens,
            uniform=self._uniform,
            dead=self._dead(),
        )

    def _warn(self, event: Routing) -> None:
        """Once, when experts stay without text."""
        if not event.dead or self._is_warned:
            return
        self._is_warned = True
        some = "One expert gets" if len(event.dead) == 1 else f"{len(event.dead)} experts get"
        advice = "Raise 'moe.balance', give the router some noise at the start, or use fewer experts."
        self._desk.tell(Remark("warn", f"{some} hardly any text.", advice, event.step))

    def _dead(self) -> tuple[tuple[int, ...], ...]:
        if len(self._recent) < _WINDOW:
            return ()
        counts = torch.stack(list(self._recent)).sum(0)
        share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
        return tuple(tuple(place) for place in (share < _DEAD).nonzero().tolist())


class _Update:
    """The parts of one update: what each layer chose, and the balance loss."""

    def __init__(self) -> None:
        self.parts: list[tuple[list[Choices], float]] = []

    def counts(self) -> Tensor:
        """(L, E): how often each layer chose each expert."""
        return torch.stack(
            [torch.stack([choices.counts for choices in layers]) for layers, _ in self.parts]
        ).sum(0)
