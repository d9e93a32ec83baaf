"""What the model thought of each pair before training: computed once per row, then remembered."""

import contextlib
from collections.abc import Iterable

import torch
from torch import Tensor

from engine.methods.preference import PairLogps
from engine.models.adapters import adapter_off, has_adapter
from engine.models.generate import evaluating
from engine.train.batches import Batch
from engine.train.forward import Policy


class Reference:
    """Log-probabilities of the model before training, for `count` examples by their index.

    They come from the same batches through the same path as the policy's, so that both agree exactly at the
    start. With an adapter it is switched off, and a row is looked at when it first comes up. A model that is
    trained whole has no way back: `prepare` looks at all rows before the first update.
    """

    def __init__(self, policy: Policy, count: int) -> None:
        self._policy = policy
        self._known = torch.full((count, 4), torch.nan)

    @property
    def needs_preparing(self) -> bool:
        """Whether all rows must be looked at before training."""
        return not has_adapter(self._policy.model)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Look at all pairs of these batches that are not known yet."""
        for batch in batches:
            self._learn(batch)

    def of(self, batch: Batch) -> PairLogps:
        """The reference's log-probabilities for a batch of pairs, without gradient."""
        if not self.needs_preparing:
            self._learn(batch)
        values = self._known[list(batch.examples)].to(batch.ids.device)
        return PairLogps(*values.unbind(dim=-1))

    def state(self) -> dict[str, Tensor]:
        """All that is known, for a checkpoint."""
        return {"known": self._known}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on with what a checkpoint knew."""
        self._known = state["known"].clone()

    def _learn(self, batch: Batch) -> None:
        places = torch.tensor(batch.examples)
        unknown = self._known[places, 0].isnan()
        if not unknown.any():
            return
        model = self._policy.model
        off = adapter_off(model) if has_adapter(model) else contextlib.nullcontext()
        with off, evaluating(model), torch.no_grad():
            pairs = self._policy.score_pairs(batch)
        columns = (pairs.chosen, pairs.rejected, pairs.chosen_tokens, pairs.rejected_tokens)
        values = torch.stack(columns, dim=-1).float().cpu()
        self._known[places[unknown]] = values[unknown]
