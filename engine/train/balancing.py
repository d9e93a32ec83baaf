"""The balance loss beside a method's own: every method learns with it where a model has experts that learn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engine.job.channel import Desk
from engine.job.job import Job
from engine.methods.balance import Choices, balance_loss, choices_of, evenness, z_loss
from engine.methods.loss import Loss, Totals
from engine.models.routing import Heard, listening, routers_of, set_router_noise
from engine.train.batches import Batch, Example
from engine.train.objective import BatchLoss, Objective
from engine.train.routing_watch import RoutingWatch
from engine.train.state import State


@dataclass(frozen=True)
class _Weights:
    """How strongly the z-loss counts, and the router's noise until an update. That of balance moves: `State.balance`."""

    z: float
    noise: float
    noisy_updates: float


def balanced(
    job: Job, objective: Objective, model: Any, state: State, desk: Desk
) -> Objective:  # Any: PeftModel or a transformers model
    """`objective` with the balance loss of the model's routers; itself for a model whose routers do not learn."""
    routers = routers_of(model)
    settings = job.moe.settings
    if not routers or not job.learns_routing:
        return objective
    state.balance = settings.balance
    noisy = settings.noise_share * state.steps
    weights = _Weights(settings.z_loss, settings.router_noise, noisy)
    watch = RoutingWatch(desk, state.steps, float(routers[0].top_k))
    return BalancedObjective(objective, model, weights, state, watch)


class BalancedObjective:
    """A method's loss and, beside it, the routers' own, heard in the very pass that the method learns from.

    Passes without a gradient (a reference, a baseline, the rows kept back) are neither heard nor balanced, and neither
    is what proves fast paths. A token counts once for each time that it goes through the model: padding never, a
    prompt that both answers of a pair share once where it stands in the row once, and twice where it is read twice. A
    part of an update weighs by its count, as in the method's loss, so that the whole is their weighted mean. The
    routers' losses add their gradient and leave the value that is told as the method's own.
    """

    def __init__(
        self, objective: Objective, model: Any, weights: _Weights, state: State, watch: RoutingWatch
    ) -> None:
        self.needs_numbers = objective.needs_numbers
        self._objective, self._model, self._weights = objective, model, weights
        self._state, self._watch = state, watch
        self._corrected = 0
        self._top_k = int(routers_of(model)[0].top_k)

    def over(self, examples: Sequence[Example], size: int) -> BatchLoss:
        """The loss of each batch, with the routers' own where it is learned from."""
        self._watch.begin()
        loss_of = self._objective.over(examples, size)
        done = max(self._state.step, self._corrected)  # what was read may be one update behind
        is_noisy = done < self._weights.noisy_updates
        set_router_noise(self._model, self._weights.noise if is_noisy else 0.0)

        def of(batch: Batch) -> Loss:
            if not torch.is_grad_enabled():
                return loss_of(batch)
            with listening(self._model) as heard:
                loss = loss_of(batch)
            return self._with_routers(loss, heard)

        return of

    def corrected(self, step: int) -> None:
        """The figures are on their way; the method remembers what it does."""
        self._corrected = step
        self._watch.corrected()
        self._objective.corrected(step)

    def read(self, total: Totals) -> None:
        """The figures of update `state.step` are told."""
        self._watch.read(self._state.step, self._state.balance)
        self._objective.read(total)

    def _with_routers(self, loss: Loss, heard: Sequence[Heard]) -> Loss:
        scores, is_real = _together(heard)
        balance = balance_loss(scores, self._top_k, is_real)
        beside = (self._state.balance or 0.0) * balance.mean()
        if self._weights.z:
            beside = beside + self._weights.z * z_loss(scores, is_real).mean()
        choices = choices_of(scores, self._top_k, is_real)
        self._watch.add(choices, balance)
        beside = beside * loss.count
        figures = {
            "balance": balance.detach().mean(),
            "max_load": _busiest(choices),
            "load_entropy": evenness(choices.counts).mean(),
            "router_entropy": _uncertainty(choices),
        }
        weighed = {name: (value * loss.count, loss.count) for name, value in figures.items()}
        return replace(loss, sum=loss.sum + (beside - beside.detach()), metrics={**loss.metrics, **weighed})


def _together(heard: Sequence[Heard]) -> tuple[Tensor, Tensor | None]:
    """Scores (L, N, E) of all layers over all passes, and which of the N are tokens (None: all)."""
    scores = torch.cat([torch.stack(each.scores) for each in heard], dim=1)
    if all(each.is_real is None for each in heard):
        return scores, None
    real = [
        torch.ones(len(each.scores[0]), dtype=torch.bool, device=scores.device)
        if each.is_real is None
        else each.is_real
        for each in heard
    ]
    return scores, torch.cat(real)


def _busiest(choices: Choices) -> Tensor:
    """The busiest expert of a layer against the mean, averaged over the layers."""
    counts = choices.counts
    return (counts.amax(dim=-1) / counts.mean(dim=-1).clamp(min=1e-9)).mean()


def _uncertainty(choices: Choices) -> Tensor:
    """The mean entropy of the router's probabilities, over log E."""
    return (choices.entropy / choices.tokens.clamp(min=1)).mean()
