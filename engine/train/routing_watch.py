"""How a run's tokens are shared among the experts: counted at every update, told a few hundred times."""

import math
from collections import deque

import torch
from torch import Tensor

from engine.job.channel import Desk
from engine.job.events import Remark
from engine.job.expert_events import Routing, idle_below
from engine.methods.balance import Choices, evenness
from engine.models.sending import fetched

_TOLD = 400  # times a run at most, so that many layers of many experts do not fill the disk
_WINDOW = 50  # updates in which a dead expert must have been without tokens
_BESIDE = 4  # numbers behind each layer's counts: entropy, top, tokens, balance


class RoutingWatch:
    """Counts of one run. After a resume the figures begin anew; what was told stays.

    Numbers are read no sooner than the ledger reads those of their update: nobody waits for a GPU because of them.
    """

    def __init__(self, desk: Desk, updates: int, uniform: float) -> None:
        self._desk, self._updates, self._uniform = desk, updates, uniform
        self._every = max(1, math.ceil(updates / _TOLD))
        self._now: list[Tensor] = []
        self._begun: deque[Tensor | None] = deque()
        self._recent: deque[Tensor] = deque(maxlen=_WINDOW)
        self._untold: list[Tensor] = []
        self._is_warned = False

    def begin(self) -> None:
        """An update begins, or begins again."""
        self._now = []

    def add(self, choices: Choices, balance: Tensor) -> None:
        """What the layers' routers chose for a part of the update, and their balance losses (L,)."""
        beside = torch.stack((choices.entropy, choices.top, choices.tokens, balance.detach()), dim=1)
        self._now.append(torch.cat((choices.counts, beside), dim=1))

    def corrected(self) -> None:
        """The update is on its way, and so are its numbers."""
        self._begun.append(fetched(torch.stack(self._now)) if self._now else None)
        self._now = []

    def read(self, step: int, weight: float | None = None) -> None:
        """The next update in order, `step`, is done, its balance so weighed; it is told where it is time to."""
        parts = self._begun.popleft()
        if parts is None:
            return
        parts = parts.double()
        self._recent.append(parts[..., :-_BESIDE].sum(0))
        self._untold.append(parts)
        if step % self._every == 0 or step in (1, self._updates):
            event = self._event(step, weight)
            self._desk.tell(event)
            self._untold = []
            self._warn(event)

    def _event(self, step: int, weight: float | None) -> Routing:
        parts = torch.cat(self._untold)  # (P, L, E + 4), of all parts of all updates
        counts = parts[..., :-_BESIDE].sum(0)
        shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
        experts = shares.shape[1]
        entropies, tops, tokens, balances = parts[..., -_BESIDE:].unbind(-1)
        looked_at = max(1.0, float(tokens.sum()))  # each token in each layer
        even = evenness(counts)
        return Routing(
            step=step,
            shares=tuple(tuple(round(share, 4) for share in layer) for layer in shares.tolist()),
            load_entropy=float(even.mean()),
            max_load=float(shares.max() * experts),
            router_entropy=float(entropies.sum()) / looked_at,
            top_probability=float(tops.sum()) / looked_at,
            balance=float((balances * tokens).sum()) / looked_at,
            uniform=self._uniform,
            dead=self._dead(),
            weight=weight,
            evenness=tuple(round(layer, 4) for layer in even.tolist()),
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
        return tuple(tuple(place) for place in (share < idle_below(share.shape[1])).nonzero().tolist())
