"""What a run minimises: the method's loss over a batch, with the reference where it needs one."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.job.cards import resolve
from engine.job.job import Job
from engine.methods.feedback import AnswerLogps, kl_estimate
from engine.methods.loss import Loss, Totals
from engine.models.generate import evaluating
from engine.train.batches import Batch, Example
from engine.train.examples import blocks, mismatched
from engine.train.forward import Policy
from engine.train.reference import Reference

BatchLoss = Callable[[Batch], Loss]
LossFunction = Callable[..., Loss]

_MEMORY = 0.9  # how much of BCO's running means stays at each update


class Objective(Protocol):
    """The loss of an update, and what is remembered from one update to the next.

    `needs_numbers`: an update's mean loss and metrics must have been read before the next begins.
    """

    needs_numbers: bool

    def over(self, examples: Sequence[Example], size: int) -> BatchLoss:
        """The loss of each batch of these examples, which are one update or all rows kept back.

        What holds for all of them together is computed here, `size` examples at a time.
        """

    def corrected(self, step: int) -> None:
        """After the weights' update `step`, whose numbers may still be on their way."""

    def read(self, total: Totals) -> None:
        """Mean loss and metrics of the next update in order."""


def objective_of(
    job: Job, policy: Policy, reference: Reference | None, memory: dict[str, float] | None = None
) -> Objective:
    """The objective of the job's method. `memory` is kept with the run's state and goes into checkpoints."""
    loss = resolve(job.method_card.code)
    match job.method_card.rows:
        case "preference":
            return PairObjective(loss, job, policy, reference)
        case "feedback":
            return FeedbackObjective(loss, job, policy, reference, {} if memory is None else memory)
        case _:
            return AnswerObjective(loss, job, policy)


class AnswerObjective:
    """Learning from given answers or running text: every batch by itself."""

    needs_numbers = False

    def __init__(self, loss: LossFunction, job: Job, policy: Policy) -> None:
        self._loss, self._method, self._policy = loss, job.method, policy
        self._is_smoothed = getattr(job.method.settings, "label_smoothing", 0.0) > 0

    def over(self, examples: Sequence[Example], size: int) -> BatchLoss:
        """Each batch by itself."""
        return self._of

    def corrected(self, step: int) -> None:
        """Nothing is remembered."""

    def read(self, total: Totals) -> None:
        """Nothing is remembered."""

    def _of(self, batch: Batch) -> Loss:
        tokens = self._policy.score(batch, average=self._is_smoothed)
        return self._loss(self._method.kind, tokens, self._method.settings)


class PairObjective:
    """Learning from pairs: every batch by itself, beside the reference.

    A method that needs none is only measured against it, where the rows are known: those kept back.
    """

    needs_numbers = False

    def __init__(self, loss: LossFunction, job: Job, policy: Policy, reference: Reference | None) -> None:
        self._loss, self._method, self._policy, self._reference = loss, job.method, policy, reference
        self._is_needed = job.method_card.needs_reference

    def over(self, examples: Sequence[Example], size: int) -> BatchLoss:
        """Each batch by itself."""
        return self._of

    def corrected(self, step: int) -> None:
        """The reference may follow the model."""
        if self._reference is not None:
            self._reference.corrected(step)

    def read(self, total: Totals) -> None:
        """Nothing is remembered."""

    def _of(self, batch: Batch) -> Loss:
        anchor = None
        if self._reference is not None and (self._is_needed or self._reference.knows(batch)):
            anchor = self._reference.of_pairs(batch)
        return self._loss(self._method.kind, self._policy.score_pairs(batch), anchor, self._method.settings)


class FeedbackObjective:
    """Learning from single answers, measured from a baseline that holds for the whole update.

    KTO's baseline is the KL estimate over the update's mismatched answers; TRL estimates it anew for every
    micro-batch, so that there the result depends on how many rows fit into memory. BCO's is the middle between
    the mean rewards of good and bad answers, both running means over the updates before this one.
    """

    def __init__(
        self,
        loss: LossFunction,
        job: Job,
        policy: Policy,
        reference: Reference | None,
        memory: dict[str, float],
    ) -> None:
        if reference is None:
            raise ValueError("feedback needs a reference")
        self._loss, self._method, self._policy = loss, job.method, policy
        self._reference, self._memory = reference, memory
        self.needs_numbers = job.method.kind == "bco"

    def over(self, examples: Sequence[Example], size: int) -> BatchLoss:
        """Each batch, measured from the baseline of all examples together."""
        baseline = self._kl(examples, size) if self._method.kind == "kto" else self._middle()
        settings = self._method.settings

        def of(batch: Batch) -> Loss:
            anchor, policy = self._reference.of_answers(batch), self._policy.score_answers(batch)
            return self._loss(self._method.kind, policy, anchor, batch.labels, settings, baseline)

        return of

    def corrected(self, step: int) -> None:
        """The reference may follow the model."""
        self._reference.corrected(step)

    def read(self, total: Totals) -> None:
        """Remember the rewards."""
        for name in ("reward_chosen", "reward_rejected"):
            if name in total.metrics:
                before = self._memory.get(name, total.metrics[name])
                self._memory[name] = _MEMORY * before + (1 - _MEMORY) * total.metrics[name]

    def _middle(self) -> float:
        return 0.5 * (self._memory.get("reward_chosen", 0.0) + self._memory.get("reward_rejected", 0.0))

    def _kl(self, examples: Sequence[Example], size: int) -> Tensor:
        policy, reference = [], []
        batches = (
            batch
            for block in blocks(examples, size)
            for batch in self._policy.batches(mismatched(block), size)
        )
        with evaluating(self._policy.model), torch.no_grad():
            for batch in batches:
                reference.append(self._reference.of_answers(batch))
                policy.append(self._policy.score_answers(batch))
        return kl_estimate(_together(policy), _together(reference))


def _together(parts: Sequence[AnswerLogps]) -> AnswerLogps:
    return AnswerLogps(torch.cat([part.logps for part in parts]), torch.cat([part.tokens for part in parts]))
