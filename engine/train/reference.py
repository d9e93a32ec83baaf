"""What another model thinks of each row, held against the learning one: computed once, then remembered."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.methods.feedback import AnswerLogps
from engine.methods.pairs import PairLogps
from engine.models.adapters import adapter_off, has_adapter, trained_parameters
from engine.models.generate import evaluating
from engine.models.sending import sent
from engine.train.batches import Batch
from engine.train.forward import Policy

PAIR_COLUMNS = 6
"""Of a pair: chosen, rejected, their tokens, and both over the common length. Of an answer: the first two."""


@dataclass(frozen=True)
class Renewal:
    """Every how many updates the reference takes over which share of the model (TR-DPO)."""

    every: int
    share: float = 1.0


class Reference:
    """Log-probabilities under a reference, for `count` examples by their index.

    They come through the same path as the policy's, so that both agree exactly where the weights do. `policy` is
    the learning model itself where it began as its own reference, else another one. With an adapter that can be
    switched off a row may be looked at whenever it comes up; otherwise `prepare` must look at all of them before
    the first update. `is_adapter_fresh` is False where the run began with an adapter that knew something already.
    `mark` names the weights and the numbers they are computed in.

    With a `renewal` the reference follows the model (Gorbatovski et al. 2024, TR-DPO): a copy of the trained weights
    is kept and takes over a share of them from time to time, all of it (their hard update) or less (soft). A share
    of an adapter mixes its own matrices, not their product, which in the paper is the same as no adapter is there.
    """

    def __init__(
        self,
        policy: Policy,
        count: int,
        renewal: Renewal | None = None,
        is_adapter_fresh: bool = True,
        mark: str = "",
        is_other: bool = False,
    ) -> None:
        self.mark, self._is_other = mark, is_other
        self.policy = policy
        self.known = torch.full((count, PAIR_COLUMNS), torch.nan)
        self._renewal = renewal
        self._can_switch_off = has_adapter(policy.model) and is_adapter_fresh
        self._copy = None if renewal is None else _copied(policy.model)

    @property
    def needs_preparing(self) -> bool:
        """Whether all rows must be looked at before training, as the model cannot go back to its start."""
        return not self._can_switch_off and self._copy is None

    @property
    def follows(self) -> bool:
        """Whether the reference changes while the model learns."""
        return self._renewal is not None

    def finish(self) -> None:
        """All is known: another model than the learning one is given back."""
        if self._is_other:
            self.policy = replace(self.policy, model=torch.nn.Identity(), head=None)

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Look at all rows of these batches that are not known yet."""
        for batch in batches:
            self._learn(batch)

    def knows(self, batch: Batch) -> bool:
        """Whether all rows of the batch were looked at."""
        return not bool(self.known[list(batch.examples), 0].isnan().any())

    def of_pairs(self, batch: Batch) -> PairLogps:
        """The reference's log-probabilities for a batch of pairs, without gradient."""
        return PairLogps(*self._of(batch).unbind(dim=-1))

    def of_answers(self, batch: Batch) -> AnswerLogps:
        """The reference's log-probabilities for a batch of single answers, without gradient."""
        return AnswerLogps(*self._of(batch)[:, :2].unbind(dim=-1))

    def corrected(self, step: int) -> None:
        """After update `step`: renew the reference when it is time to."""
        if self._renewal is None or self._copy is None or step % self._renewal.every:
            return
        for name, weight in trained_parameters(self.policy.model).items():
            self._copy[name].lerp_(weight.detach(), self._renewal.share)
        self.known.fill_(torch.nan)

    def state(self) -> dict[str, Tensor]:
        """All that is known, for a checkpoint."""
        return {"known": self.known} | {f"copy/{name}": part for name, part in (self._copy or {}).items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on with what a checkpoint knew."""
        self.known = state["known"].clone()
        for name, part in (self._copy or {}).items():
            part.copy_(state[f"copy/{name}"])

    def _of(self, batch: Batch) -> Tensor:
        if not self.needs_preparing:
            self._learn(batch)
        return sent(self.known[list(batch.examples)], str(batch.ids.device))

    def _learn(self, batch: Batch) -> None:
        places = torch.tensor(batch.examples)
        unknown = self.known[places, 0].isnan()
        if not unknown.any():
            return
        with self._as_reference(), evaluating(self.policy.model), torch.no_grad():
            values = _columns(self.policy, batch).float().cpu()
        self.known[places[unknown], : values.shape[1]] = values[unknown]

    def _as_reference(self) -> contextlib.AbstractContextManager[object]:
        model = self.policy.model
        if self._copy is not None:
            return _with_weights(model, self._copy)
        return adapter_off(model) if self._can_switch_off else contextlib.nullcontext()


def _columns(policy: Policy, batch: Batch) -> Tensor:
    """What is remembered of each example: (B, 6) of pairs, (B, 2) of answers."""
    if batch.count == len(batch.examples):
        answers = policy.score_answers(batch)
        return torch.stack((answers.logps, answers.tokens), dim=-1)
    pairs = policy.score_pairs(batch)
    sums, tokens = (pairs.chosen, pairs.rejected), (pairs.chosen_tokens, pairs.rejected_tokens)
    shared = [part for part in (pairs.chosen_shared, pairs.rejected_shared) if part is not None]
    return torch.stack((*sums, *tokens, *shared), dim=-1)


def _copied(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in trained_parameters(model).items()}


@contextlib.contextmanager
def _with_weights(model: torch.nn.Module, weights: dict[str, Tensor]) -> Iterator[None]:
    """The model with other values in its trained parameters; nothing is copied."""
    trained = trained_parameters(model)
    own = {name: weight.data for name, weight in trained.items()}
    try:
        for name, weight in trained.items():
            weight.data = weights[name]
        yield
    finally:
        for name, weight in trained.items():
            weight.data = own[name]
